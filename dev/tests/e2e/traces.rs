//! One request followed through every function, by `cargo dev trace` and `cargo dev logs`.

use harness::{Response, StreamRequest, StreamedAnswer, TestUser, unique};
use uuid::Uuid;

use super::stack::{Stack, stack};

/// A message that was sent under these ids.
struct Sent {
    user: TestUser,
    id: Uuid,
    text: String,
    trace: String,
    request: String,
    response: Response,
}

impl Sent {
    /// Sends a message in a trace, under an id of the client.
    async fn new(stack: &Stack) -> Self {
        let (user, chatroom) = stack.user_with_chatroom().await;
        let (trace, request) = (Uuid::new_v4().simple().to_string(), format!("client-{}", Uuid::new_v4()));
        let text = unique("follow me");
        let message = user.message(&chatroom, &text).header("x-request-id", &request);
        let message = message.header("traceparent", &format!("00-{trace}-00f067aa0c1902b7-01"));
        let response = message.send(stack).await.unwrap().ensure(201).unwrap();
        let id = response.string_at("/message/id").unwrap().parse().unwrap();
        Self { user, id, text, trace, request, response }
    }
}

/// The lines of `cargo dev trace` that begin with a time: the functions and the messages of the steps.
fn steps(path: &str) -> Vec<String> {
    let lines = path.lines().filter(|line| line.contains(" s  "));
    lines.filter_map(|line| line.split_once(" s  ")).map(|(_, step)| step.replace("  ", " ")).collect()
}

fn has_step(path: &str, function: &str, message: &str) -> bool {
    let is_it = |step: &String| step.starts_with(function) && step.contains(message);
    steps(path).iter().any(is_it)
}

#[tokio::test]
async fn every_id_of_a_message_prints_its_path_through_all_functions() {
    let stack = stack();
    let _worker = stack.with_worker().await;
    let sent = Sent::new(stack).await;
    let mut answer = StreamedAnswer::default();
    let mut stream = StreamRequest::new(&stack.base_url, &sent.user, sent.id).open_live().await.unwrap();
    answer.read(&mut stream).await.unwrap();
    stack.outcome(&sent.user, sent.id).await;
    assert_eq!(sent.response.header("x-request-id"), Some(&*sent.request));

    for id in [&sent.request, &sent.id.to_string(), &sent.trace] {
        let path = stack.dev(&["trace", id]);
        assert!(path.contains(&format!("trace {}", sent.trace)), "{path}");
        for (function, message) in [
            ("chatroom", "accepted"),
            ("chatroom", "answered"),
            ("worker", "claimed"),
            ("worker", "Gemini has responded"),
            ("worker", "answered"),
            ("stream", "a stream has ended"),
        ] {
            assert!(has_step(&path, function, message), "{function}, {message} by {id}: {path}");
        }
    }
    let calls = stack.mocks().gemini_call_log(&sent.text).await.unwrap();
    let traceparent = calls[0]["traceparent"].as_str().unwrap();
    assert_eq!(traceparent.split('-').nth(1), Some(&*sent.trace));
}

#[tokio::test]
async fn logs_of_a_request_include_those_of_the_worker() {
    let stack = stack();
    let _worker = stack.with_worker().await;
    let sent = Sent::new(stack).await;
    stack.outcome(&sent.user, sent.id).await;
    let entries = stack.dev(&["logs", "--request", &sent.request]);
    // A line with metrics has the message, and no trace.
    let is_of_worker = |line: &&str| line.contains(" worker ") && !line.contains("_aws=");
    let of_worker: Vec<&str> = entries.lines().filter(is_of_worker).collect();
    assert!(of_worker.iter().any(|line| line.contains("claimed")), "{entries}");
    assert!(of_worker.iter().all(|line| line.contains(&sent.trace)), "{entries}");
}

#[tokio::test]
async fn id_of_a_client_cannot_forge_a_line() {
    let stack = stack();
    let user = stack.sign_up().await;
    let forged = format!("forged-{}", Uuid::new_v4());
    for id in [format!("{{\"message\":\"{forged}\"}}"), format!("x\",\"message\":\"{forged}")] {
        let request = user.request("GET", "/api/user/me").header("x-request-id", &id);
        let response = request.send(stack).await.unwrap().ensure(200).unwrap();
        assert_ne!(response.header("x-request-id"), Some(&*id));
    }
    let entries = stack.dev(&["logs", "--json"]);
    assert!(!entries.contains(&forged), "the refused id is in the log");
}
