//! The answer: how its stream is read, and what is wrong with one.

use serde_json::json;
use wiremock::ResponseTemplate;

use super::{MockApi, delta, done, event};

/// Streams `events` to the only connection, and returns what failed.
async fn failure_of(events: &[String]) -> String {
    let api = MockApi::start().await;
    api.stream_once(&events.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let failure = api.failure().await;
    failure.replace("the smoke test failed at step \"answer\": ", "")
}

#[tokio::test]
async fn message_that_fails_is_told_with_its_error_code() {
    let failed = json!({ "message": { "processing_status": "failed", "error_code": "gemini_key_refused" } });
    let failure = failure_of(&[event("done", &failed)]).await;
    assert_eq!(failure, "the message ended as failed, gemini_key_refused");
}

#[tokio::test]
async fn wrong_texts_are_failures() {
    for (events, failure) in [
        (vec![done("completed", "")], "the streamed answer is empty"),
        (vec![delta("pong")], "the stream ended with the error unavailable"),
        (vec![delta("ping"), done("completed", "pong")], "the streamed text is not that of the answer"),
        (vec![event("replaced", &json!({}))], "another stream has ended this one"),
    ] {
        let mut events = events;
        if failure.contains("unavailable") {
            events.push(event("error", &json!({ "code": "unavailable" })));
        }
        assert_eq!(failure_of(&events).await, failure);
    }
}

#[tokio::test]
async fn stored_answer_must_be_the_streamed_one() {
    let api = MockApi::start().await;
    let stored = json!({ "message": { "reply": { "content": "ping" } } });
    let stored = ResponseTemplate::new(200).set_body_json(stored);
    api.replace("GET", "/api/chatroom/message/question/status", stored, 1).await;
    let failure = api.failure().await;
    assert!(
        failure.ends_with("step \"read answer\": the stored answer is not the streamed one"),
        "{failure}"
    );
}

#[tokio::test]
async fn text_before_a_restart_is_void() {
    let events = [delta("half"), event("restart", &json!({})), delta("pong"), done("completed", "pong")];
    assert_eq!(failure_of(&events).await, "");
}

#[tokio::test]
async fn stream_that_ends_early_is_resumed_after_its_last_event() {
    let api = MockApi::start().await;
    api.stream_once(&[&format!("{}id: 1-3\n\n", delta("po").trim_end_matches('\n').to_owned() + "\n")]).await;
    api.stream_once(&[&delta("ng"), &done("completed", "pong")]).await;
    assert_eq!(api.failure().await, "");
    let requests = api.0.received_requests().await.unwrap();
    let streams = requests.iter().filter(|request| request.url.path() == "/api/stream/question");
    let resumed: Vec<_> = streams.filter_map(|request| request.headers.get("last-event-id")).collect();
    assert_eq!(resumed, ["1-3"]);
}

#[tokio::test]
async fn message_that_nobody_answers_is_told_with_its_last_state() {
    for (data, state) in [
        (
            json!({ "processing_status": "pending", "waiting_for": null }),
            "the last state was pending: no worker has taken the message",
        ),
        (
            json!({ "processing_status": "pending", "waiting_for": "outage" }),
            "the last state was pending, waiting for outage",
        ),
        (json!({ "processing_status": "processing" }), "the last state was processing"),
    ] {
        let api = MockApi::start().await;
        let status = ResponseTemplate::new(200).set_body_raw(event("status", &data), "text/event-stream");
        api.replace("GET", "/api/stream/question", status, u64::MAX).await;
        let failure = api.failure().await;
        assert!(failure.ends_with(&format!("no answer within 1.3 s; {state}")), "{failure}");
        assert!(api.requests().await.contains(&"DELETE /api/user/me".to_owned()));
    }
}
