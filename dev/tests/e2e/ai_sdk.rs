//! An unmodified `useChat` of the AI SDK, versions 6 and 7: in Node.js, and on the example page in a
//! browser. `.ci/ai-sdk` installs both. Without them, the tests print that they did not run, and fail if
//! `E2E_AI_SDK=required`, as `.ci/run` sets it.

use std::env;
use std::path::PathBuf;
use std::process::Stdio;

use ::stack::checkout;
use browser::Browser;
use harness::{TestUser, unique};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use uuid::Uuid;

use super::stack::{Stack, open_browser, stack};

/// A command of Node.js in the folder of the example.
fn node() -> Option<Command> {
    let (node, folder) = (checkout().join(".dev/node/bin/node"), checkout().join("clients/ai-sdk"));
    let is_installed = |path: PathBuf| path.exists();
    if !(is_installed(node.clone()) && is_installed(folder.join("node_modules/ai"))) {
        assert!(env::var("E2E_AI_SDK").as_deref() != Ok("required"), "the AI SDK is not installed");
        eprintln!("NOT RUN: the AI SDK is not installed (bash .ci/ai-sdk)");
        return None;
    }
    let mut command = Command::new(node);
    command.current_dir(folder).kill_on_drop(true);
    Some(command)
}

/// Makes the model answer questions that begin with the returned text slowly: half of the answer, which
/// repeats the question, comes at once and the rest after a minute.
async fn script_slow(stack: &Stack) -> String {
    let question = unique(&"tell me a long story ".repeat(20));
    script(stack, &question, &json!({ "kind": "slow", "delay_ms": 60_000 })).await;
    question
}

async fn script(stack: &Stack, question: &str, step: &Value) {
    // The service also asks for titles, with the same question.
    let script = json!({ "match": question, "steps": [step], "forever": true });
    stack.mocks().gemini("script", &script).await.unwrap();
}

#[tokio::test]
async fn both_versions_chat_regenerate_edit_resume_and_stop() {
    let Some(mut node) = node() else { return };
    let stack = stack();
    let _worker = stack.with_worker().await;
    let (slow, blocked) = (script_slow(stack).await, unique("blocked"));
    script(stack, &blocked, &json!({ "kind": "blocked_prompt" })).await;

    let journey = node
        .args(["--test", "--test-reporter=spec", "test/journey.test.mjs"])
        .env("E2E_BASE_URL", &stack.base_url)
        .env("E2E_SLOW_QUESTION", slow)
        .env("E2E_BLOCKED_QUESTION", blocked)
        .output()
        .await
        .unwrap();

    assert!(journey.status.success(), "{}", String::from_utf8_lossy(&journey.stdout));
}

/// The server of the example page, and its address.
async fn serve(mut node: Command) -> (Child, String) {
    let mut server = node.arg("serve.mjs").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let address = lines.next_line().await.unwrap().unwrap();
    (server, address)
}

/// Opens a new chat of `user` on the page of a version of the AI SDK.
async fn open_page(browser: &Browser, server: &str, version: u8, user: &TestUser) {
    let (base, id) = (&stack().base_url, Uuid::new_v4());
    let fragment = format!("id={id}&token={}&baseUrl={base}&streamUrl={base}", user.token);
    // Another fragment alone would not load the page anew.
    browser.client.goto("about:blank").await.unwrap();
    browser.client.goto(&format!("{server}/{version}/#{fragment}")).await.unwrap();
}

async fn ask(browser: &Browser, text: &str) {
    browser.fill("input", text).await;
    browser.click("#send").await;
}

#[tokio::test]
async fn page_streams_survives_a_reload_and_stops_with_both_versions() {
    let Some(node) = node() else { return };
    let Some(browser) = open_browser().await else { return };
    let stack = stack();
    let _worker = stack.with_worker().await;
    let (_server, address) = serve(node).await;
    let slow = script_slow(stack).await;
    for version in [6, 7] {
        let user = stack.sign_up().await;
        open_page(&browser, &address, version, &user).await;

        ask(&browser, "What is the way?").await;
        browser.sees(".assistant", "What is the way?").await;
        browser.sees("output", "ready").await;

        ask(&browser, &format!("{slow} {version}")).await;
        browser.sees(".assistant:nth-of-type(4)", "tell me a long story").await;
        browser.sees("output", "streaming").await;
        // The page has no history of its own: it shows the answer that is being written.
        browser.client.refresh().await.unwrap();
        browser.sees(".assistant", "tell me a long story").await;
        browser.sees("output", "streaming").await;
        browser.shoot(&format!("ai-sdk-{version}")).await;
        browser.click("#stop").await;
        browser.sees("output", "ready").await;
        browser.sees(".assistant", "tell me a long story").await;
    }
    browser.close().await;
}
