//! The list of chats and the search in the web client.

use std::time::Duration;

use browser::keys;
use harness::{PASSWORD, unique, wait_until};
use serde_json::json;

use super::stack::{open_browser, stack};

#[tokio::test]
async fn a_deleted_chat_can_be_brought_back_and_is_deleted_after_a_while() {
    let Some(browser) = open_browser().await else { return };
    let (user, chatroom) = stack().user_with_chatroom().await;
    let path = format!("/api/chatroom/{chatroom}");
    browser.sign_in(&user.number, PASSWORD).await;
    browser.sees("#rooms li a", "A chatroom").await;
    for is_undone in [true, false] {
        browser.activate("#rooms li > .icon-button").await;
        browser.activate("#rooms li .menu .danger").await;
        browser.sees(".toast", "The chat is deleted.").await;
        browser.until_gone("#rooms li a").await;
        let _ = user.request("GET", &*path).send(stack()).await.unwrap().expect(200);
        if is_undone {
            browser.click(".toast-action").await;
            browser.sees("#rooms li a", "A chatroom").await;
        }
    }
    // Nobody has undone the second deletion.
    let is_deleted = async || Ok(user.request("GET", &*path).send(stack()).await?.status == 404);
    let _ = wait_until("the chat is deleted", Duration::from_secs(30), is_deleted).await.unwrap();
    browser.close().await;
}

#[tokio::test]
async fn a_search_by_keyboard_opens_the_branch_of_the_message() {
    let Some(browser) = open_browser().await else { return };
    let _worker = stack().with_worker().await;
    let (user, chatroom) = stack().user_with_chatroom().await;
    let (first, second) = (unique("narwhal"), unique("walrus"));
    let message = user.send_text(stack(), &chatroom, &first).await.unwrap();
    let _ = stack().outcome(&user, message.id).await;
    let edit = user.request("POST", format!("/api/chatroom/message/{}/edit", message.id));
    let edited = edit.json(&json!({ "content": second })).send(stack()).await.unwrap().expect(201);
    let _ = stack().outcome(&user, edited.string_at("/message/id").unwrap()).await;
    browser.sign_in(&user.number, PASSWORD).await;
    browser.open_chat("A chatroom").await;
    browser.sees("#messages .bubble", &second).await;

    browser.press("#composer-text", &[keys::CONTROL, "k"].concat()).await;
    browser.fill("#search-text", "narwhal").await;
    browser.sees("#search-results mark", "narwhal").await;
    browser.press("#search-text", &[keys::DOWN, keys::UP].concat()).await;
    browser.until_true("document.querySelector('#search-results li:first-child .is-chosen')").await;
    browser.press("#search-text", keys::ENTER).await;

    browser.sees("#messages .bubble", &first).await;
    // The question, or its answer, which repeats it.
    browser.sees(".is-found", &first).await;
    browser.sees("#messages .switcher", "1 of 2").await;
    browser.close().await;
}

#[tokio::test]
async fn escape_closes_windows_and_menus_and_then_stops_the_answer() {
    let Some(browser) = open_browser().await else { return };
    let _worker = stack().with_worker().await;
    let question = unique("a slow answer");
    let text = "Some words. ".repeat(100);
    stack().script(&question, json!([{ "kind": "answer", "text": text, "duration_ms": 30_000 }])).await;
    let user = stack().sign_up().await;
    browser.sign_in(&user.number, PASSWORD).await;
    browser.until_filled("#account-name").await;
    browser.press("#composer-text", &[keys::CONTROL, "k"].concat()).await;
    browser.until_true("document.activeElement.id === 'search-text'").await;
    browser.press("#search-text", keys::ESCAPE).await;
    browser.until_gone("#search-text").await;
    browser.until_true("document.activeElement.id === 'composer-text'").await;

    browser.send(&question).await;
    browser.sees(".arriving .markdown", "Some words").await;
    browser.click(".corner-button").await;
    browser.until_true("document.activeElement.matches('.menu .open-settings')").await;
    browser.press(".menu .open-settings", keys::DOWN).await;
    browser
        .until_true(
            "!document.activeElement.matches('.open-settings') && document.activeElement.closest('.menu')",
        )
        .await;
    browser.press(".menu .open-settings", keys::ESCAPE).await;
    browser.until_gone(".menu .open-settings").await;
    assert_eq!(browser.value("document.querySelector('#stop').disabled").await, false);

    browser.press("#composer-text", keys::ESCAPE).await;
    browser.sees_answer("You stopped this answer.").await;
    browser.close().await;
}

#[tokio::test]
async fn a_chosen_chat_has_the_focus_and_moves_to_the_top_with_a_message() {
    let Some(browser) = open_browser().await else { return };
    let _worker = stack().with_worker().await;
    let user = stack().sign_up().await;
    for name in ["Older", "Newer"] {
        let create = user.request("POST", "/api/chatroom").json(&json!({ "name": name }));
        let _ = create.send(stack()).await.unwrap().expect(201);
    }
    browser.sign_in(&user.number, PASSWORD).await;
    browser.sees("#rooms li:first-child a", "Newer").await;

    browser.click("#rooms li:nth-child(2) a").await;
    browser.sees("#chat-title", "Older").await;
    browser.until_true("document.activeElement.id === 'composer-text'").await;
    let question = unique("in the older chat");
    browser.press("#composer-text", &format!("{question}{}", keys::ENTER)).await;
    browser.sees_answer(&question).await;

    browser.sees("#rooms li:first-child a", "Older").await;
    browser.client.refresh().await.unwrap();
    browser.sees("#rooms li:first-child a", "Older").await;
    browser.close().await;
}

#[tokio::test]
async fn instructions_of_a_chat_are_kept_and_taken_back() {
    let Some(browser) = open_browser().await else { return };
    let (user, chatroom) = stack().user_with_chatroom().await;
    browser.sign_in(&user.number, PASSWORD).await;
    browser.click("#rooms li a").await;
    browser.sees("#chat-title", "A chatroom").await;
    for (text, stored) in [("Answer in Danish.", json!("Answer in Danish.")), ("", json!(null))] {
        browser.activate(".chat-head [aria-haspopup]").await;
        browser.activate(".chat-head .menu button:first-child").await;
        browser.press("#instructions textarea", &[keys::CONTROL, "a", keys::BACKSPACE].concat()).await;
        browser.press("#instructions textarea", text).await;
        browser.click("#instructions .primary").await;
        browser.until_gone("#instructions").await;
        let room = stack().get(&user, &format!("/api/chatroom/{chatroom}")).await;
        assert_eq!(room["chatroom"]["system_prompt"], stored);
        browser
            .until_true(&format!(
                "Boolean(document.querySelector('.badge.as-button')) === {}",
                !text.is_empty()
            ))
            .await;
    }
    browser.close().await;
}
