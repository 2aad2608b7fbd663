//! Messages in the web client: keys, copying, several tabs, and where the reader is.

use browser::{Browser, keys};
use harness::{PASSWORD, random_number, unique};
use serde_json::{Value, json};

use super::seeded_messages::seed_messages;
use super::stack::{open_browser, stack};

/// A composed word that Enter confirms: in Chrome the press comes first, in Safari the end.
const COMPOSE: &str = "
    const field = document.querySelector('#composer-text');
    const press = isComposing => field.dispatchEvent(new KeyboardEvent('keydown',
        { key: 'Enter', keyCode: 229, isComposing, bubbles: true, cancelable: true }));
    const end = () => field.dispatchEvent(new CompositionEvent('compositionend', { data: '你好', bubbles: true }));
    press(true), end(), end(), press(false);";
/// What is copied, because a page without a focused window may not use the clipboard.
const CATCH_COPIES: &str = "window.copied = []; navigator.clipboard.writeText = text => (window.copied.push(text), Promise.resolve())";
const BUBBLES: &str = "document.querySelectorAll('#messages .bubble').length";
const SCROLL_TO_TOP: &str = "document.querySelector('#messages').scrollTo(0, 0)";

async fn answered(browser: &Browser, text: &str, steps: Value) {
    let question = unique(text);
    stack().script(&question, steps).await;
    browser.send(&question).await;
}

#[tokio::test]
async fn enter_sends_once_and_not_while_a_word_is_composed() {
    let Some(browser) = open_browser().await else { return };
    let _worker = stack().with_worker().await;
    browser.sign_up(&random_number()).await;
    browser.fill("#composer-text", "ni hao").await;
    browser.client.execute(COMPOSE, Vec::new()).await.unwrap();
    assert_eq!(browser.value(BUBBLES).await, 0);
    browser.sees("#composer-text", "ni hao").await;

    browser.press("#composer-text", &[keys::ENTER, keys::ENTER].concat()).await;

    browser.sees_answer("ni hao").await;
    assert_eq!(browser.value(BUBBLES).await, 1);
    browser.close().await;
}

#[tokio::test]
async fn code_is_copied_exactly_while_it_arrives_and_afterwards() {
    const CODE: &str = "fn main() {\n\n    let v: Vec<String> = vec![\"a*b*\".into()];\n}";
    let Some(browser) = open_browser().await else { return };
    let _worker = stack().with_worker().await;
    browser.sign_up(&random_number()).await;
    browser.client.execute(CATCH_COPIES, Vec::new()).await.unwrap();
    let text = format!("Look:\n\n```rust\n{CODE}\n```\n\n{}", "And then some more words. ".repeat(40));
    answered(&browser, "code", json!([{ "kind": "answer", "text": text, "duration_ms": 8000 }])).await;

    browser.until_true("document.querySelector('.arriving .block:nth-child(3)')").await;
    browser.activate(".arriving [data-copy]").await;
    browser.sees_answer("And then some more words.").await;
    browser.until_true("!document.querySelector('.arriving')").await;
    browser.activate(".answer.is-last [data-copy]").await;
    assert_eq!(browser.value("window.copied").await, json!([CODE, CODE]));
    browser.close().await;
}

#[tokio::test]
async fn an_answer_arrives_in_two_tabs_and_is_the_same_after_a_reload() {
    const BLOCKS: &str = "document.querySelector('.answer.is-last .markdown').innerHTML";
    let Some(browser) = open_browser().await else { return };
    let _worker = stack().with_worker().await;
    browser.sign_up(&random_number()).await;
    let text = "1. One\n\n   ```rust\n   let v: Vec<String>;\n   ```\n2. Two: $5, or $10\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\nThe end.";
    answered(&browser, "two tabs", json!([{ "kind": "answer", "text": text, "duration_ms": 8000 }])).await;
    browser.sees(".arriving .markdown", "One").await;
    let first = browser.client.window().await.unwrap();
    let address = browser.value("location.hash").await;

    browser.open_tab().await;
    browser.visit(&format!("/{}", address.as_str().unwrap())).await;
    browser.sees(".arriving .markdown", "One").await;
    browser.sees_answer("The end.").await;
    browser.until_true("document.querySelector('.answer.is-last .hljs-keyword')").await;
    let arrived = browser.value(BLOCKS).await;
    browser.client.switch_to_window(first).await.unwrap();
    browser.sees_answer("The end.").await;

    browser.client.refresh().await.unwrap();
    browser.sees_answer("The end.").await;
    browser.until_true("document.querySelector('.answer.is-last .hljs-keyword')").await;
    assert_eq!(browser.value(BLOCKS).await, arrived);
    browser.close().await;
}

#[tokio::test]
async fn older_messages_appear_above_without_moving_the_ones_in_view() {
    /// The message at the top of the view, and its distance from there.
    const PLACE: &str = "(() => {
        const top = document.querySelector('#messages').getBoundingClientRect().top;
        const seen = [...document.querySelectorAll('#messages article')].find(one => one.getBoundingClientRect().bottom > top);
        return [seen.id, Math.round(seen.getBoundingClientRect().top - top)];
    })()";
    const ARTICLES: &str = "document.querySelectorAll('#messages article').length";
    let Some(browser) = open_browser().await else { return };
    let (user, chatroom) = stack().user_with_chatroom().await;
    seed_messages(&stack().db().await, &chatroom, 300).await;
    browser.sign_in(&user.number, PASSWORD).await;
    browser.open_chat("A chatroom").await;
    browser.until_true(&format!("{ARTICLES} >= 50")).await;
    let mut shown = browser.value(ARTICLES).await.as_u64().unwrap();
    while shown < 300 {
        // Near the top, older messages load. The view is compared before and after.
        let _ = browser.value("document.querySelector('#messages').scrollTo(0, 300)").await;
        let before = browser.value(PLACE).await;
        browser.until_true(&format!("{ARTICLES} > {shown}")).await;
        assert_eq!(browser.value(PLACE).await, before);
        shown = browser.value(ARTICLES).await.as_u64().unwrap();
    }
    let _ = browser.value(SCROLL_TO_TOP).await;
    browser.sees("#messages", "Question 1").await;
    browser.close().await;
}

#[tokio::test]
async fn an_arriving_answer_does_not_scroll_against_the_reader() {
    const TOP: &str = "document.querySelector('#messages').scrollTop";
    let Some(browser) = open_browser().await else { return };
    let _worker = stack().with_worker().await;
    let (user, chatroom) = stack().user_with_chatroom().await;
    seed_messages(&stack().db().await, &chatroom, 40).await;
    browser.sign_in(&user.number, PASSWORD).await;
    browser.open_chat("A chatroom").await;
    let text = "A line of the answer.\n\n".repeat(60);
    answered(&browser, "a long answer", json!([{ "kind": "answer", "text": text, "duration_ms": 6000 }]))
        .await;
    browser.sees(".arriving .markdown", "A line").await;
    // At the end the view follows the answer.
    browser.until_true("(box => box.scrollHeight - box.scrollTop - box.clientHeight < 2)(document.querySelector('#messages'))").await;

    let _ = browser.value("document.querySelector('#messages').scrollBy(0, -400)").await;
    let top = browser.value(TOP).await;
    browser.until_true("!document.querySelector('.arriving')").await;
    assert_eq!(browser.value(TOP).await, top);
    browser.click(".to-end").await;
    browser.sees_answer("A line of the answer.").await;
    browser.close().await;
}
