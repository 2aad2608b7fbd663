//! Spans of one trace over the API and the worker, sent to a collector.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{TestApp, TestUser};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{deliver, overloaded, status};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0c1902b7";

async fn collector(response: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST")).and(path("/v1/traces")).respond_with(response).mount(&server).await;
    server
}

async fn start(collector: &str) -> TestApp {
    TestApp::serving(chatroom::routes()).var("OTEL_EXPORTER_OTLP_ENDPOINT", collector).start().await
}

/// Sends a message in the trace with these flags. Returns its id.
async fn sent(app: &TestApp, user: &TestUser, flags: &str) -> String {
    let path = format!("/api/chatroom/{}/message", app.create_chatroom(user).await);
    let request = app.request("POST", &path).by(user).json(json!({ "content": "hello" }));
    let request = request.header("traceparent", &format!("00-{TRACE}-{CALLER}-{flags}"));
    request.send().await.expect(201).text("/message/id")
}

/// The spans of the trace that the collector has received, by name.
async fn spans(collector: &MockServer) -> Vec<Value> {
    let requests = collector.received_requests().await.unwrap();
    let all = requests.iter().flat_map(|request| {
        let body: Value = request.body_json().unwrap();
        body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone()
    });
    all.filter(|span| span["traceId"] == TRACE).collect()
}

#[tokio::test]
async fn one_trace_leads_from_the_caller_to_gemini() {
    let collector = collector(ResponseTemplate::new(200)).await;
    let app = start(&collector.uri()).await;
    let id = sent(&app, &app.user().await, "01").await;
    assert!(deliver(&app, &[&id]).await.is_empty());

    let spans = spans(&collector).await;
    let names: Vec<&str> = spans.iter().map(|span| span["name"].as_str().unwrap()).collect();
    let model = &app.model.prompts()[0].model;
    let call = format!("generate_content {model}");
    assert_eq!(names, ["POST /api/chatroom/{id}/message", &call, "answer message"]);
    let parents: Vec<&Value> = spans.iter().map(|span| &span["parentSpanId"]).collect();
    assert_eq!(parents, [&json!(CALLER), &spans[2]["spanId"], &spans[0]["spanId"]]);
    assert!(!format!("{spans:?}").contains("hello"), "a span has text of the user");
}

#[tokio::test]
async fn caller_that_does_not_record_its_trace_gets_no_spans() {
    let collector = collector(ResponseTemplate::new(200)).await;
    let app = start(&collector.uri()).await;
    let id = sent(&app, &app.user().await, "00").await;
    assert!(deliver(&app, &[&id]).await.is_empty());
    assert!(spans(&collector).await.is_empty());
}

#[tokio::test]
async fn later_attempts_are_in_the_same_trace() {
    let collector = collector(ResponseTemplate::new(200)).await;
    let app = start(&collector.uri()).await;
    let id = sent(&app, &app.user().await, "01").await;
    app.model.fail_with(overloaded());
    assert_eq!(deliver(&app, &[&id]).await, std::slice::from_ref(&id));
    app.advance(Duration::from_mins(2));
    assert!(deliver(&app, &[&id]).await.is_empty());
    let attempts = spans(&collector).await.iter().filter(|span| span["name"] == "answer message").count();
    assert_eq!(attempts, 2);
}

#[tokio::test]
async fn silent_collector_delays_a_batch_by_its_timeout_only() {
    let collector = collector(ResponseTemplate::new(200).set_delay(Duration::from_mins(1))).await;
    let app = start(&collector.uri()).await;
    let user = app.user().await;
    let (first, second) = (sent(&app, &user, "01").await, sent(&app, &user, "01").await);
    let begun = Instant::now();
    assert!(deliver(&app, &[&first]).await.is_empty());
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert!(deliver(&app, &[&second]).await.is_empty());
    for id in [first, second] {
        assert_eq!(status(&app, &user, &id).await["processing_status"], "completed");
    }
    assert_eq!(collector.received_requests().await.unwrap().len(), 1, "it is left alone after a failure");
}

#[tokio::test]
async fn message_of_the_previous_release_is_answered() {
    let collector = collector(ResponseTemplate::new(200)).await;
    let app = start(&collector.uri()).await;
    let user = app.user().await;
    let id = sent(&app, &user, "01").await;
    app.execute("UPDATE generations SET traceparent = NULL, request_id = NULL").await;
    assert!(deliver(&app, &[&id]).await.is_empty());
    assert_eq!(status(&app, &user, &id).await["processing_status"], "completed");
}
