//! The typed client of `clients/typescript`: its journeys in Node.js and in a browser, and its examples.
//! `.ci/typescript` builds them. Without that, the tests print that they did not run, and fail if
//! `E2E_TYPESCRIPT=required`, as `.ci/run` sets it.

use std::process::Stdio;
use std::{env, path::Path};

use ::stack::checkout;
use fantoccini::Locator;
use harness::{PASSWORD, TestUser, unique};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::stack::{Stack, open_browser, stack};

/// A command in a folder of the client, if the client is built.
fn command(program: impl AsRef<Path>, folder: &str) -> Option<Command> {
    let client = checkout().join("clients/typescript");
    if !(client.join("dist").is_dir() && client.join("examples/node_modules").is_dir()) {
        assert!(env::var("E2E_TYPESCRIPT").as_deref() != Ok("required"), "the typed client is not built");
        eprintln!("NOT RUN: the typed client is not built (bash .ci/typescript)");
        return None;
    }
    let mut command = Command::new(program.as_ref());
    command.current_dir(client.join(folder)).stdin(Stdio::null()).kill_on_drop(true);
    Some(command)
}

fn node(folder: &str) -> Option<Command> {
    command(checkout().join(".dev/node/bin/node"), folder)
}

/// Makes the model write its answers to questions that begin with the returned text over two seconds.
async fn script_slow(stack: &Stack) -> String {
    let question = unique("tell me a story");
    let text = "Once upon a time, a “queue” met a 🌍 of messages. ".repeat(12);
    // The service also asks for titles, with the same question.
    let step = json!({ "kind": "answer", "text": text, "duration_ms": 2000 });
    let script = json!({ "match": question, "steps": [step], "forever": true });
    stack.mocks().gemini("script", &script).await.unwrap();
    question
}

/// Runs a program to its end. Returns what it prints.
async fn run(command: &mut Command) -> String {
    let output = command.output().await.unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    printed
}

#[tokio::test]
async fn journeys_pass_in_node() {
    let Some(mut node) = node("journey") else { return };
    let stack = stack();
    let _worker = stack.with_worker().await;

    node.args(["--test", "--test-reporter=spec", "node.test.ts"])
        .env("E2E_BASE_URL", &stack.base_url)
        .env("E2E_SLOW_QUESTION", script_slow(stack).await);

    run(&mut node).await;
}

/// The server of the pages, and its address.
async fn serve(mut node: Command) -> (Child, String) {
    let mut server = node.arg("serve.mjs").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let address = lines.next_line().await.unwrap().unwrap();
    (server, address)
}

/// The address of a page that uses the stack, which is another origin.
fn page(server: &str, name: &str) -> String {
    format!("{server}/{name}/?api={}", stack().base_url)
}

#[tokio::test]
async fn journeys_pass_in_a_browser() {
    let Some(node) = node("examples") else { return };
    let Some(browser) = open_browser().await else { return };
    let stack = stack();
    let _worker = stack.with_worker().await;
    let (_server, address) = serve(node).await;
    let slow = script_slow(stack).await.replace(' ', "+");

    browser.client.goto(&format!("{}&slow={slow}", page(&address, "journey"))).await.unwrap();
    browser.until_filled("output").await;

    let result = browser.client.find(Locator::Css("output")).await.unwrap().text().await.unwrap();
    assert!(result.starts_with("passed: "), "{result}");
    browser.close().await;
}

#[tokio::test]
async fn two_tabs_refresh_their_session_once() {
    let Some(node) = node("examples") else { return };
    let Some(browser) = open_browser().await else { return };
    let (_server, address) = serve(node).await;
    let page = page(&address, "tabs");
    let client = &browser.client;
    client.goto(&page).await.unwrap();
    browser.sees("output", "ready").await;
    let first = client.window().await.unwrap();
    let second = client.new_window(true).await.unwrap().handle;
    client.switch_to_window(second.clone()).await.unwrap();
    client.goto(&page).await.unwrap();
    browser.sees("output", "ready").await;

    client.execute("expire()", Vec::new()).await.unwrap();

    let mut refreshes = 0;
    for tab in [second, first] {
        client.switch_to_window(tab).await.unwrap();
        browser.sees("output", "answered, refreshes: ").await;
        let shown = client.find(Locator::Css("output")).await.unwrap().text().await.unwrap();
        refreshes += shown.rsplit_once(' ').unwrap().1.parse::<u32>().unwrap();
    }
    assert_eq!(refreshes, 1);
    browser.close().await;
}

#[tokio::test]
async fn example_pages_sign_in_stream_and_stop() {
    let Some(node) = node("examples") else { return };
    let Some(browser) = open_browser().await else { return };
    let stack = stack();
    let _worker = stack.with_worker().await;
    let (_server, address) = serve(node).await;
    let (user, slow) = (stack.sign_up().await, script_slow(stack).await);

    browser.client.goto(&page(&address, "browser")).await.unwrap();
    browser.fill("#sign-in [name=mobile_number]", &user.number).await;
    browser.fill("#sign-in [name=password]", "not the password").await;
    browser.click("#sign-in button").await;
    browser.sees("output", "invalid_credentials").await;
    browser.fill("#sign-in [name=password]", PASSWORD).await;
    browser.click("#sign-in button").await;
    browser.click("#ask [name=content]").await;
    browser.fill("#ask [name=content]", &format!("{slow} browser")).await;
    browser.click("#ask button").await;
    browser.sees("#answer", "Once upon a time").await;
    browser.sees("output", "done").await;
    browser.click("#ask button").await;
    browser.sees("output", "delta").await;
    browser.click("#stop").await;
    browser.sees("output", "done").await;

    // The other page has the same origin, and so the same session.
    browser.client.goto(&page(&address, "react")).await.unwrap();
    browser.fill("input", &format!("{slow} react")).await;
    browser.click("#send").await;
    browser.sees(".assistant", "Once upon a time").await;
    browser.sees("output", "streaming").await;
    browser.click("#stop").await;
    browser.sees("output", "ready").await;
    browser.close().await;
}

/// An example in a shell or in Node.js, as `user`.
async fn run_example(mut example: Command, script: &str, question: &str, user: &TestUser) -> String {
    example
        .args([script, question])
        .env("API", &stack().base_url)
        .env("NUMBER", &user.number)
        .env("PASSWORD", PASSWORD)
        .env("NO_PROXY", "127.0.0.1");
    run(&mut example).await
}

#[tokio::test]
async fn example_programs_print_an_answer_as_it_is_written() {
    let (Some(node), Some(mut bash)) = (node("examples"), command("bash", "examples")) else { return };
    let stack = stack();
    let _worker = stack.with_worker().await;
    let (user, slow) = (stack.sign_up().await, script_slow(stack).await);

    let printed = run_example(node, "node.ts", &format!("{slow} node"), &user).await;

    assert!(printed.trim_start().starts_with("Once upon a time, a “queue”"), "{printed}");
    assert!(printed.ends_with("[completed, stop]\n"), "{printed}");

    // Each connection is cut after a second, in mid-answer.
    bash.env("SECONDS_PER_CONNECTION", "1");
    let printed = run_example(bash, "curl.sh", &format!("{slow} curl"), &user).await;

    let ids: Vec<&str> = printed.lines().filter_map(|line| line.strip_prefix("id: ")).collect();
    let mut unique_ids = ids.clone();
    unique_ids.dedup();
    assert_eq!(ids, unique_ids, "an event came twice");
    assert!(ids.len() > 5, "{printed}");
    assert_eq!(printed.matches("event: done").count(), 1, "{printed}");
}
