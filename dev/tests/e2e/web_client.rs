//! The bundled web client in a browser.

use harness::{PASSWORD, random_number};

use super::browser::Browser;
use super::stack::stack;

/// Signs up in the page.
async fn sign_up(browser: &Browser) {
    browser.client.goto(&format!("{}/", stack().base_url)).await.unwrap();
    browser.fill("#signup [name=mobile_number]", &random_number()).await;
    browser.click("#send-code").await;
    browser.until_filled("#signup [name=otp]").await;
    browser.fill("#signup [name=name]", "Ada Lovelace").await;
    browser.fill("#signup [name=password]", PASSWORD).await;
    browser.click("#signup > button:last-child").await;
    browser.sees("#usage", "Ada Lovelace").await;
}

#[tokio::test]
async fn signing_out_clears_the_page_even_without_a_network() {
    const OFFLINE: &str = "window.fetch = () => Promise.reject(new TypeError('offline'))";
    const LEFT: &str = "return [...document.querySelectorAll('input, textarea')].map(field => field.value)
        .concat(['rooms', 'messages', 'tier', 'standing', 'usage'].map(id => document.getElementById(id).textContent),
            Object.values(sessionStorage)).join('')";
    let Some(browser) = Browser::open().await else { return };
    let _worker = stack().with_worker().await;
    sign_up(&browser).await;
    browser.fill("#content", "a secret thought").await;
    browser.click("#send button").await;
    browser.sees("#messages .ai", "a secret thought").await;
    browser.fill("#content", "a draft").await;
    let page = &browser.client;
    assert!(!page.execute(LEFT, Vec::new()).await.unwrap().as_str().unwrap().is_empty());

    page.execute(OFFLINE, Vec::new()).await.unwrap();
    browser.click("#logout").await;

    browser.sees("#notice", "signed out here").await;
    assert_eq!(page.execute(LEFT, Vec::new()).await.unwrap(), "");
    browser.sees("#login h2", "Sign in").await;
    browser.close().await;
}
