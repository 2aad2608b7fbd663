//! The web client on a phone: its own layout, its keyboard, and what takes a pointer elsewhere.

use browser::{Browser, View};
use harness::{PASSWORD, random_number, unique};
use serde_json::{Value, json};

use super::seeded_messages::seed_messages;
use super::stack::{open_browser, stack};

const KEYBOARD_PX: u32 = 336;

/// The height of the messages, and whether the end of the last answer and the field are in view.
const IN_VIEW: &str = "(() => {
    const box = document.querySelector('#messages').getBoundingClientRect();
    const last = document.querySelector('.answer.is-last .markdown').getBoundingClientRect();
    const field = document.querySelector('#composer').getBoundingClientRect();
    return { height: box.height, last: last.bottom <= box.bottom, field: field.bottom <= innerHeight && field.top >= box.bottom };
})()";

async fn open_list(browser: &Browser) {
    browser.click(".chat-head .icon-button").await;
    browser.sees("#new-chat", "New chat").await;
}

#[tokio::test]
async fn messages_have_room_with_ten_chats_and_above_the_keyboard() {
    let Some(browser) = open_browser().await else { return };
    let (user, chatroom) = stack().user_with_chatroom().await;
    user.create_chatrooms(stack(), 10).await.unwrap();
    seed_messages(&stack().db().await, &chatroom, 20).await;
    let phone = View::phone(false);
    browser.show_on(phone).await;
    browser.sign_in(&user.number, PASSWORD).await;
    browser.open_chat("A chatroom").await;
    let fits = |found: &Value, height: f64| {
        found["height"].as_f64() > Some(height) && found["last"] == true && found["field"] == true
    };
    browser.until_true("document.querySelectorAll('#messages article').length === 20").await;
    let found = browser.value(IN_VIEW).await;
    assert!(fits(&found, 500.0), "{found}");

    browser.client.execute("document.querySelector('#composer-text').focus()", Vec::new()).await.unwrap();
    browser.show_on(View { height: phone.height - KEYBOARD_PX, ..phone }).await;
    browser.until_true(&format!("({IN_VIEW}).last")).await;
    let found = browser.value(IN_VIEW).await;
    assert!(fits(&found, 200.0), "{found}");
    browser.close().await;
}

#[tokio::test]
async fn a_phone_chats_stops_searches_and_renames_by_touch() {
    let Some(browser) = open_browser().await else { return };
    let _worker = stack().with_worker().await;
    browser.show_on(View::phone(false)).await;
    browser.sign_up(&random_number()).await;
    let question = unique("narwhals by touch");
    let text = "Narwhals are whales. ".repeat(200);
    stack().script(&question, json!([{ "kind": "answer", "text": text, "duration_ms": 30_000 }])).await;
    browser.send(&question).await;
    browser.sees(".arriving .markdown", "Narwhals").await;
    browser.click("#stop").await;
    browser.sees_answer("You stopped this answer.").await;

    open_list(&browser).await;
    browser.click("#rooms li > .icon-button").await;
    browser.click("#rooms li .menu button").await;
    browser.fill("#rename [name=name]", "About whales").await;
    browser.click("#rename .primary").await;
    browser.sees("#rooms li a", "About whales").await;
    browser.click("#new-chat").await;
    browser.sees("#chat-title", "New chat").await;

    open_list(&browser).await;
    browser.click("#open-search").await;
    browser.fill("#search-text", "narwhals").await;
    browser.sees("#search-results mark", "arwhals").await;
    browser.click("#search-results button").await;
    browser.sees("#chat-title", "About whales").await;
    browser.close().await;
}

#[tokio::test]
async fn nothing_moves_by_itself_if_the_device_asks_for_that() {
    const MOVING: &str = "document.getAnimations().length";
    let Some(browser) = open_browser().await else { return };
    let _worker = stack().with_worker().await;
    let question = unique("without motion");
    stack().script(&question, json!([{ "kind": "answer", "text": "Calm.", "delay_ms": 8000 }])).await;
    browser.sign_up(&random_number()).await;
    browser.send(&question).await;
    browser.sees(".arriving", "…").await;
    browser.until_true(&format!("{MOVING} > 0")).await;

    let still = json!({ "features": [{ "name": "prefers-reduced-motion", "value": "reduce" }] });
    let _ = browser.devtools("Emulation.setEmulatedMedia", still).await;
    browser.until_true(&format!("{MOVING} === 0")).await;
    browser.sees(".arriving", "…").await;
    browser.close().await;
}
