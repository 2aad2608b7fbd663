//! The bundled web client in a browser.

use harness::{PASSWORD, random_number, unique};
use serde_json::json;

use super::stack::{open_browser, stack};

/// Words that no list of breached passwords contains.
const NEW_PASSWORD: &str = "seven quiet herons at dusk";

#[tokio::test]
async fn signing_out_clears_the_page_even_without_a_network() {
    const OFFLINE: &str = "window.fetch = () => Promise.reject(new TypeError('offline'))";
    const LEFT: &str = "return [...document.querySelectorAll('input:not([type=checkbox]), textarea')].map(field => field.value)
        .concat([...document.querySelectorAll('#rooms, #messages, #usage, #account-name')].map(place => place.textContent),
            Object.values(sessionStorage), Object.values(localStorage)).join('')";
    let Some(browser) = open_browser().await else { return };
    let _worker = stack().with_worker().await;
    browser.sign_up(&random_number()).await;
    browser.send("a secret thought").await;
    browser.sees_answer("a secret thought").await;
    browser.fill("#composer-text", "a draft").await;
    let page = &browser.client;
    assert!(!page.execute(LEFT, Vec::new()).await.unwrap().as_str().unwrap().is_empty());

    page.execute(OFFLINE, Vec::new()).await.unwrap();
    browser.click(".corner-button").await;
    browser.click(".menu .sign-out").await;

    browser.sees("#door-notice", "signed out here").await;
    assert_eq!(page.execute(LEFT, Vec::new()).await.unwrap(), "");
    browser.sees("#sign-in .primary", "Sign in").await;
    browser.close().await;
}

#[tokio::test]
async fn a_reload_in_mid_answer_shows_that_it_is_written_and_then_the_answer() {
    let Some(browser) = open_browser().await else { return };
    let _worker = stack().with_worker().await;
    let question = unique("a late answer");
    let steps = json!([{ "kind": "answer", "text": "Calm seas at last.", "delay_ms": 6000 }]);
    stack().script(&question, steps).await;
    browser.sign_up(&random_number()).await;
    browser.send(&question).await;
    browser.sees(".arriving", "…").await;
    browser.fill("#composer-text", "what I wanted to add").await;

    browser.client.refresh().await.unwrap();

    browser.sees("#messages .bubble", &question).await;
    browser.sees(".arriving", "…").await;
    browser.sees("#composer-text", "what I wanted to add").await;
    browser.sees_answer("Calm seas at last.").await;
    browser.close().await;
}

#[tokio::test]
async fn a_new_chat_shows_its_title_once_it_is_written() {
    let Some(browser) = open_browser().await else { return };
    let _worker = stack().with_worker().await;
    let question = unique("is the sea calm");
    let steps =
        json!([{ "kind": "answer", "text": "It is." }, { "kind": "answer", "text": "\"Calm Seas.\"" }]);
    stack().script(&question, steps).await;
    browser.sign_up(&random_number()).await;
    browser.send(&question).await;
    browser.sees_answer("It is.").await;
    browser.sees("#chat-title", "Calm Seas").await;
    browser.sees("#rooms li a", "Calm Seas").await;
    browser.close().await;
}

#[tokio::test]
async fn a_failed_message_says_why_after_a_reload_too_and_can_be_retried() {
    let Some(browser) = open_browser().await else { return };
    let _worker = stack().with_worker().await;
    let question = unique("a refused question");
    stack().script(&question, json!([{ "kind": "blocked_prompt" }])).await;
    browser.sign_up(&random_number()).await;
    browser.send(&question).await;
    browser.sees("#messages .is-failed", "refused").await;

    browser.client.refresh().await.unwrap();

    browser.sees("#messages .is-failed", "refused").await;
    browser.click("#messages .is-failed .retry").await;
    browser.sees_answer(&question).await;
    browser.close().await;
}

#[tokio::test]
async fn images_of_a_model_are_links_and_never_requested() {
    const REQUESTED: &str =
        "return performance.getEntriesByType('resource').map(entry => new URL(entry.name).host)
        .filter(host => host !== location.host).join()";
    let Some(browser) = open_browser().await else { return };
    let _worker = stack().with_worker().await;
    let question = unique("a picture");
    let text = "See ![a cat](https://tracker.example/cat.png) <img src='https://tracker.example/dog.png'> \
                [here](javascript:alert(1)).";
    stack().script(&question, json!([{ "kind": "answer", "text": text }])).await;
    browser.sign_up(&random_number()).await;
    browser.send(&question).await;

    browser.sees("#messages .answer a[href='https://tracker.example/cat.png']", "a cat").await;
    browser.sees_answer("<img src='https://tracker.example/dog.png'>").await;
    browser.sees_answer("[here](javascript:alert(1))").await;
    let page = &browser.client;
    assert_eq!(page.execute(REQUESTED, Vec::new()).await.unwrap(), "");
    let pictures = page.execute("return document.images.length", Vec::new()).await.unwrap();
    assert_eq!(pictures, 0);
    browser.close().await;
}

#[tokio::test]
async fn a_phone_shows_the_field_and_reaches_all_of_many_chatrooms() {
    const FITS: &str = "const field = document.querySelector('#composer').getBoundingClientRect();
        return field.bottom <= innerHeight && field.right <= innerWidth
            && document.documentElement.scrollWidth <= innerWidth";
    const SCROLL: &str = "document.querySelector('#rooms').scrollTo(0, 1e6);
        return document.querySelectorAll('#rooms li').length";
    const CHATROOMS: usize = 120;
    let Some(browser) = open_browser().await else { return };
    let user = stack().sign_up().await;
    user.create_chatrooms(stack(), CHATROOMS).await.unwrap();
    let page = &browser.client;
    page.set_window_size(390, 844).await.unwrap();
    browser.sign_in(&user.number, PASSWORD).await;
    browser.until_filled("#chat-title").await;
    assert_eq!(page.execute(FITS, Vec::new()).await.unwrap(), true);

    browser.click(".chat-head .icon-button").await;
    browser.until_filled("#rooms li a").await;
    let mut shown = 0;
    while shown < CHATROOMS {
        let now = page.execute(SCROLL, Vec::new()).await.unwrap().as_u64().unwrap();
        shown = usize::try_from(now).unwrap();
        browser.until_filled("#rooms li a").await;
    }
    browser.shoot("phone").await;
    browser.click("#rooms section:last-child li:last-child a").await;
    browser.until_filled("#chat-title").await;
    assert_eq!(page.execute(FITS, Vec::new()).await.unwrap(), true);
    browser.close().await;
}

#[tokio::test]
async fn a_forgotten_password_is_reset_with_a_code() {
    let Some(browser) = open_browser().await else { return };
    let user = stack().sign_up().await;
    browser.client.goto(&format!("{}/", stack().base_url)).await.unwrap();
    browser.click("#forgot").await;
    browser.fill("#reset [name=mobile_number]", &user.number).await;
    browser.click("#reset .primary").await;
    browser.until_filled("#reset [name=otp]").await;
    browser.fill("#reset [name=new_password]", NEW_PASSWORD).await;
    browser.click("#reset .primary").await;
    browser.sees("#door-notice", "Your password is changed").await;

    browser.sign_in(&user.number, PASSWORD).await;
    browser.sees("#sign-in [role=alert]", "password is wrong").await;
    browser.sign_in(&user.number, NEW_PASSWORD).await;
    browser.until_filled("#account-name").await;
    browser.close().await;
}
