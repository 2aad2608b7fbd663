//! Gemini's API and the control API, called in process.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::MockGemini;

const GENERATE: &str = "/v1beta/models/gemini-3.5-flash:generateContent";
const STREAM: &str = "/v1beta/models/gemini-3.5-flash:streamGenerateContent";

async fn send(
    mock: &MockGemini,
    method: &str,
    uri: &str,
    body: &str,
    key: &str,
) -> (StatusCode, HeaderMap, String) {
    let request = Request::builder().method(method).uri(uri).header("x-goog-api-key", key);
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let (head, body) = mock.clone().router().oneshot(request).await.unwrap().into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    (head.status, head.headers, String::from_utf8(body.to_vec()).unwrap())
}

async fn call(mock: &MockGemini, uri: &str, body: &Value) -> (StatusCode, Value) {
    let (status, _, body) = send(mock, "POST", uri, &body.to_string(), "key").await;
    (status, serde_json::from_str(&body).unwrap())
}

async fn control(mock: &MockGemini, method: &str, uri: &str, body: &Value) -> (StatusCode, Value) {
    let (status, _, body) = send(mock, method, uri, &body.to_string(), "").await;
    (status, serde_json::from_str(&body).unwrap_or_default())
}

async fn message_of_400(body: &Value) -> String {
    let (status, answer) = call(&MockGemini::default(), GENERATE, body).await;
    assert_eq!((status, &answer["error"]["status"]), (StatusCode::BAD_REQUEST, &json!("INVALID_ARGUMENT")));
    answer["error"]["message"].as_str().unwrap().to_owned()
}

fn user_turn(text: &str) -> Value {
    json!({"contents": [{"role": "user", "parts": [{"text": text}]}]})
}

fn text_of(answer: &Value) -> &str {
    answer["candidates"][0]["content"]["parts"][0]["text"].as_str().unwrap()
}

#[tokio::test]
async fn answer_quotes_the_request() {
    let body = json!({
        "contents": [
            {"role": "user", "parts": [{"text": "My name is Ada."}]},
            {"role": "model", "parts": [{"text": "Hello Ada."}]},
            {"role": "user", "parts": [{"text": "What is\nmy name?"}]},
        ],
        "systemInstruction": {"parts": [{"text": "Be kind."}]},
        "store": false,
    });
    let (status, answer) = call(&MockGemini::default(), GENERATE, &body).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        text_of(&answer),
        "This is the local mock of gemini-3.5-flash. You asked: \"What is my name?\". Before that you said: \
         \"My name is Ada.\". I have read 3 turns of this conversation. My instruction is: \"Be kind.\"."
    );
    let usage = &answer["usageMetadata"];
    let count = |name: &str| usage[name].as_u64().unwrap();
    assert_eq!(count("promptTokenCount"), 2 + 4 + 3 + 4);
    let answer_tokens = count("candidatesTokenCount") + count("thoughtsTokenCount");
    assert_eq!(count("totalTokenCount"), count("promptTokenCount") + answer_tokens);
    assert_eq!(answer["candidates"][0]["finishReason"], "STOP");
    assert_eq!(answer["modelVersion"], "gemini-3.5-flash");
    assert!(answer["responseId"].is_string());
}

#[tokio::test]
async fn answer_is_cut_at_max_output_tokens() {
    let mut body = user_turn("hello");
    body["generationConfig"] = json!({"maxOutputTokens": 3});
    let (_, answer) = call(&MockGemini::default(), GENERATE, &body).await;
    assert_eq!(
        (text_of(&answer), &answer["candidates"][0]["finishReason"]),
        ("This is the ", &json!("MAX_TOKENS"))
    );
    body["generationConfig"] = json!({"maxOutputTokens": 0});
    assert!(message_of_400(&body).await.contains("must be positive"));
}

#[tokio::test]
async fn stream_is_events_or_an_array() {
    let mock = MockGemini::default();
    let (status, headers, body) =
        send(&mock, "POST", &format!("{STREAM}?alt=sse"), &user_turn("hi").to_string(), "k").await;
    assert_eq!((status, &headers["content-type"]), (StatusCode::OK, &"text/event-stream".parse().unwrap()));
    let events = body.split("\r\n\r\n").filter(|event| !event.is_empty());
    let events: Vec<Value> =
        events.map(|event| serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap()).collect();
    let streamed: String = events.iter().map(text_of).collect();
    let finished = |event: &Value| event["candidates"][0]["finishReason"] == "STOP";
    assert!(events.len() > 1);
    assert_eq!(events.iter().position(finished), Some(events.len() - 1));

    let (_, array) = call(&mock, STREAM, &user_turn("hi")).await;
    assert_eq!(array.as_array().unwrap().iter().map(text_of).collect::<String>(), streamed);
    let (_, whole) = call(&mock, GENERATE, &user_turn("hi")).await;
    assert_eq!(text_of(&whole), streamed);
}

#[tokio::test]
async fn count_tokens_counts_the_prompt() {
    let uri = "/v1beta/models/gemini-3.5-flash:countTokens";
    assert_eq!(call(&MockGemini::default(), uri, &user_turn("12345")).await.1["totalTokens"], 2);
    let nested = json!({"generateContentRequest": user_turn("123456789")});
    assert_eq!(call(&MockGemini::default(), uri, &nested).await.1["totalTokens"], 3);
}

#[tokio::test]
async fn call_needs_a_valid_key() {
    let mock = MockGemini::default();
    let body = user_turn("hi").to_string();
    let (status, _, answer) = send(&mock, "POST", GENERATE, &body, "").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(answer.contains("unregistered callers") && answer.contains("PERMISSION_DENIED"), "{answer}");
    let (status, _, answer) = send(&mock, "POST", GENERATE, &body, "invalid-key").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(answer.contains("API_KEY_INVALID"), "{answer}");
    let query = format!("{GENERATE}?key=good");
    assert_eq!(send(&mock, "POST", &query, &body, "").await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn known_model_is_described() {
    let mock = MockGemini::default();
    let (status, _, answer) = send(&mock, "GET", "/v1beta/models/gemini-3.8-flash", "", "key").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert!(answer.contains("models/gemini-3.8-flash"), "{answer}");
    let (status, ..) = send(&mock, "GET", "/v1beta/models/gemini-1.5-pro", "", "key").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(send(&mock, "GET", "/v1beta/models/gemini-3.8-flash", "", "").await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn unknown_model_or_path_is_not_found() {
    let mock = MockGemini::default();
    let (status, answer) =
        call(&mock, "/v1beta/models/gemini-1.5-pro:generateContent", &user_turn("hi")).await;
    assert_eq!((status, &answer["error"]["status"]), (StatusCode::NOT_FOUND, &json!("NOT_FOUND")));
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.starts_with("models/gemini-1.5-pro is not found for API version v1beta"), "{message}");
    for (method, uri) in
        [("POST", "/v1beta/models/gemini-3.5-flash:dance"), ("GET", GENERATE), ("POST", "/v1/x")]
    {
        let (status, headers, _) = send(&mock, method, uri, "", "key").await;
        assert_eq!(
            (status, &headers["content-type"]),
            (StatusCode::NOT_FOUND, &"text/html; charset=utf-8".parse().unwrap())
        );
    }
}

#[tokio::test]
async fn invalid_request_gets_googles_message() {
    assert!(
        message_of_400(&json!({}))
            .await
            .contains("* GenerateContentRequest.contents: contents is not specified\n")
    );
    assert!(message_of_400(&json!({"contents": []})).await.contains("contents is not specified"));
    let no_parts = json!({"contents": [{"role": "user"}]});
    assert!(message_of_400(&no_parts).await.contains("contents[0].parts: contents.parts must not be empty."));
    let no_data = json!({"contents": [{"parts": [{"thought": true}]}]});
    assert!(
        message_of_400(&no_data).await.contains("contents[0].parts[0].data: required oneof field 'data'")
    );
    let system = json!({"contents": [{"role": "system", "parts": [{"text": "x"}]}]});
    assert_eq!(message_of_400(&system).await, "Please use a valid role: user, model.");

    let mut unknown = user_turn("hi");
    unknown["contents"][0]["content"] = "x".into();
    let (_, answer) = call(&MockGemini::default(), GENERATE, &unknown).await;
    assert_eq!(
        answer["error"]["details"][0]["fieldViolations"][0],
        json!({"field": "contents[0]",
            "description": "Invalid JSON payload received. Unknown name \"content\" at 'contents[0]': Cannot find field."})
    );
    let (status, _, answer) = send(&MockGemini::default(), "POST", GENERATE, "{\"contents\":", "key").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(answer.contains("Invalid JSON payload received."), "{answer}");
}

#[tokio::test]
async fn calls_are_logged_and_cleared() {
    let mock = MockGemini::default();
    let script = json!({"match": "storm", "steps": [{"kind": "error", "status": 503}]});
    assert_eq!(
        control(&mock, "POST", "/_control/script", &script).await,
        (StatusCode::OK, json!({"scripts": 1}))
    );
    call(&mock, GENERATE, &user_turn("calm")).await;
    call(&mock, GENERATE, &user_turn("a storm")).await;
    call(&mock, GENERATE, &json!({})).await;

    let (_, log) = control(&mock, "GET", "/_control/calls", &json!(null)).await;
    assert_eq!(log["count"], 3);
    let seen = |call: &Value| (call["last_user_text"].clone(), call["step"].clone(), call["status"].clone());
    let seen: Vec<_> = log["calls"].as_array().unwrap().iter().map(seen).collect();
    let expected = [
        (json!("calm"), Value::Null, json!(200)),
        (json!("a storm"), json!("error"), json!(503)),
        (json!(""), Value::Null, json!(400)),
    ];
    assert_eq!(seen, expected);

    assert_eq!(control(&mock, "DELETE", "/_control/calls", &json!(null)).await.0, StatusCode::NO_CONTENT);
    let (_, log) = control(&mock, "GET", "/_control/calls", &json!(null)).await;
    assert_eq!(log, json!({"count": 0, "calls": [], "over_quota": 0}));
}

#[tokio::test]
async fn scripts_can_be_deleted() {
    let mock = MockGemini::default();
    let script = json!({"steps": [{"kind": "error", "status": 500}], "forever": true});
    control(&mock, "POST", "/_control/script", &script).await;
    assert_eq!(call(&mock, GENERATE, &user_turn("hi")).await.0, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(control(&mock, "DELETE", "/_control/script", &json!(null)).await.0, StatusCode::NO_CONTENT);
    assert_eq!(call(&mock, GENERATE, &user_turn("hi")).await.0, StatusCode::OK);
}

#[tokio::test]
async fn invalid_control_call_gets_the_path_of_the_field() {
    let mock = MockGemini::default();
    let cases = [
        ("/_control/script", json!({"steps": [{"kind": "explode"}]}), "steps[0].kind"),
        ("/_control/latency", json!({"ms": "soon"}), "ms"),
        ("/_control/latency", json!({}), "ms"),
        ("/_control/latency", json!({"ms": 1, "s": 1}), "s"),
    ];
    for (uri, body, field) in cases {
        let (status, answer) = control(&mock, "POST", uri, &body).await;
        assert_eq!((status, answer["field"].as_str()), (StatusCode::BAD_REQUEST, Some(field)));
        assert!(answer["error"].as_str().unwrap().starts_with(field));
    }
    assert_eq!(send(&mock, "POST", "/_control/script", "{", "").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn error_of_a_stream_without_events_is_in_an_array() {
    let mock = MockGemini::default();
    assert_eq!(call(&mock, STREAM, &json!({})).await.1[0]["error"]["code"], 400);
    assert_eq!(call(&mock, &format!("{STREAM}?alt=sse"), &json!({})).await.1["error"]["code"], 400);
}
