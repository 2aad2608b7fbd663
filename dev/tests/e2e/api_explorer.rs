//! The API explorer in a browser: it signs in, sends calls, shows a stream while it arrives, and asks no
//! other host.

use harness::{PASSWORD, unique};
use serde_json::json;

use super::stack::{open_browser, stack};

/// What the content security policy has forbidden, collected in the page.
const WATCH: &str =
    "addEventListener('securitypolicyviolation', event => (window.violations ??= []).push(event.blockedURI))";
const FOREIGN: &str = "performance.getEntriesByType('resource').map(entry => entry.name)
    .filter(name => !name.startsWith(location.origin) && !name.startsWith('data:')).concat(window.violations ?? []).join()";
/// Notes in `window.sawPart` that the stream is shown before its end, however briefly.
const NOTE_PART: &str = "new MutationObserver(() => {
        const shown = document.querySelector('#operations-Stream-streamAnswer .live-responses-table')?.textContent ?? '';
        window.sawPart ||= shown.includes('event: delta') && !shown.includes('event: done');
    }).observe(document.body, { childList: true, subtree: true, characterData: true })";

#[tokio::test]
async fn a_developer_signs_in_and_reads_a_stream_in_the_explorer() {
    let Some(browser) = open_browser().await else { return };
    let stack = stack();
    let _worker = stack.with_worker().await;
    let (user, chatroom) = stack.user_with_chatroom().await;
    let question = unique("a slow answer");
    let steps = json!([{ "kind": "answer", "text": "Calm seas and a prosperous voyage to all.", "duration_ms": 12_000 }]);
    stack.script(&question, steps).await;
    browser.visit("/docs").await;
    browser.client.execute(WATCH, Vec::new()).await.unwrap();
    browser.fill("#sign-in [name=mobile_number]", &user.number).await;
    browser.fill("#sign-in [name=password]", PASSWORD).await;
    browser.click("#sign-in button").await;
    browser.sees("#state", "Signed in").await;

    // A call with the token.
    browser.click("#operations-User-getAccount .opblock-summary-control").await;
    browser.click("#operations-User-getAccount .execute").await;
    browser.sees("#operations-User-getAccount .live-responses-table", &user.number).await;

    browser.click("#operations-Stream-streamAnswer .opblock-summary-control").await;
    browser.client.execute(NOTE_PART, Vec::new()).await.unwrap();
    browser.until_true("document.querySelector('#operations-Stream-streamAnswer [placeholder=id]')").await;
    let message = user.send_text(stack, &chatroom, &question).await.unwrap();
    browser.fill("#operations-Stream-streamAnswer [placeholder=id]", &message.id.to_string()).await;
    browser.click("#operations-Stream-streamAnswer .execute").await;
    let response = "#operations-Stream-streamAnswer .live-responses-table";
    browser.sees(response, "event: done").await;
    assert_eq!(browser.value("window.sawPart").await, true, "the stream is shown at its end only");
    assert_eq!(browser.value(FOREIGN).await, "");
    browser.shoot("explorer").await;
    browser.close().await;
}
