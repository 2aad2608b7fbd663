//! Gemini's API and the control API, called in process.

use axum::body::{Body, to_bytes};
use axum::http::Request;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::MockGemini;

const GENERATE: &str = "/v1beta/models/gemini-3.5-flash:generateContent";
const STREAM: &str = "/v1beta/models/gemini-3.5-flash:streamGenerateContent";

/// The status, the content type and the body: JSON, or a string.
async fn send(mock: &MockGemini, method: &str, uri: &str, body: &str, key: &str) -> (u16, String, Value) {
    let request = Request::builder().method(method).uri(uri).header("x-goog-api-key", key);
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let (head, body) = mock.clone().router().oneshot(request).await.unwrap().into_parts();
    let text = String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap();
    let content_type = head.headers.get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
    let body = serde_json::from_str(&text).unwrap_or_else(|_| text.into());
    (head.status.as_u16(), content_type.unwrap_or_default(), body)
}

async fn call(mock: &MockGemini, uri: &str, body: &Value) -> (u16, Value) {
    let (status, _, body) = send(mock, "POST", uri, &body.to_string(), "key").await;
    (status, body)
}

async fn control(mock: &MockGemini, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let (status, _, body) = send(mock, method, &format!("/_control/{path}"), &body.to_string(), "").await;
    (status, body)
}

async fn message_of_400(body: &Value) -> String {
    let (status, answer) = call(&MockGemini::default(), GENERATE, body).await;
    assert_eq!((status, &answer["error"]["status"]), (400, &json!("INVALID_ARGUMENT")));
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
    assert_eq!(status, 200);
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
    assert_eq!(answer["modelVersion"], "gemini-3.6-flash", "the model to which Google routes the name");
    assert!(answer["responseId"].is_string());
}

#[tokio::test]
async fn answer_is_cut_at_max_output_tokens() {
    let mut body = user_turn("hello");
    body["generationConfig"] = json!({"maxOutputTokens": 27});
    let (_, answer) = call(&MockGemini::default(), GENERATE, &body).await;
    assert_eq!(text_of(&answer), "This is the ");
    assert_eq!(answer["candidates"][0]["finishReason"], "MAX_TOKENS");
    body["generationConfig"] = json!({"maxOutputTokens": 20});
    let (_, answer) = call(&MockGemini::default(), GENERATE, &body).await;
    assert_eq!(answer["candidates"][0]["content"], json!({"role": "model"}), "thoughts use up the limit");
    assert_eq!(answer["usageMetadata"]["thoughtsTokenCount"], 20);
    body["generationConfig"] = json!({"maxOutputTokens": 0});
    assert!(message_of_400(&body).await.contains("must be positive"));
}

#[tokio::test]
async fn stream_is_events_or_an_array() {
    let mock = MockGemini::default();
    let uri = format!("{STREAM}?alt=sse");
    let (status, content_type, body) = send(&mock, "POST", &uri, &user_turn("hi").to_string(), "k").await;
    assert_eq!((status, content_type.as_str()), (200, "text/event-stream"));
    let events = body.as_str().unwrap().split("\r\n\r\n").filter(|event| !event.is_empty());
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
async fn stream_can_end_or_fail_at_any_byte() {
    let mock = MockGemini::default();
    let uri = format!("{STREAM}?alt=sse");
    let (_, _, whole) = send(&mock, "POST", &uri, &user_turn("hi").to_string(), "k").await;
    let steps = json!([
        {"kind": "cut", "after_bytes": 100, "clean": true},
        {"kind": "chunks", "chunks": [{"a": 1}, 7], "error": 503},
    ]);
    control(&mock, "POST", "script", &json!({"steps": steps})).await;
    let (_, _, cut) = send(&mock, "POST", &uri, &user_turn("hi").to_string(), "k").await;
    let cut = cut.as_str().unwrap();
    assert_eq!(cut.len(), 100);
    assert_eq!(cut[..60], whole.as_str().unwrap()[..60]);
    let (status, _, failed) = send(&mock, "POST", &uri, &user_turn("hi").to_string(), "k").await;
    let failed = failed.as_str().unwrap();
    assert_eq!(status, 200);
    assert!(failed.starts_with("data: {\"a\":1}\r\n\r\ndata: 7\r\n\r\ndata: {\"error\":"), "{failed}");
}

#[tokio::test]
async fn count_tokens_counts_the_prompt() {
    let uri = "/v1beta/models/gemini-3.5-flash:countTokens";
    let nested = json!({"generateContentRequest": user_turn("123456789")});
    for (body, tokens) in [(user_turn("12345"), 2), (nested, 3)] {
        assert_eq!(call(&MockGemini::default(), uri, &body).await.1["totalTokens"], tokens);
    }
}

#[tokio::test]
async fn keys_models_and_paths_are_checked() {
    let by_query = format!("{GENERATE}?key=good");
    let (model, old) = ("/v1beta/models/gemini-3.8-flash", "/v1beta/models/gemini-1.5-pro");
    let old_model = "models/gemini-1.5-pro is not found for API version v1beta";
    let cases = [
        ("POST", GENERATE, "", 403, "unregistered callers"),
        ("POST", GENERATE, "", 403, "PERMISSION_DENIED"),
        ("POST", GENERATE, "invalid-key", 400, "API_KEY_INVALID"),
        ("POST", &by_query, "", 403, ""),
        ("GET", model, "key", 200, "models/gemini-3.8-flash"),
        ("GET", old, "key", 404, ""),
        ("GET", model, "", 403, ""),
        ("POST", &format!("{old}:generateContent"), "key", 404, "\"NOT_FOUND\""),
        ("POST", &format!("{old}:generateContent"), "key", 404, &format!("\"message\":\"{old_model}")),
    ];
    for (method, uri, key, expected, content) in cases {
        let (status, _, answer) =
            send(&MockGemini::default(), method, uri, &user_turn("hi").to_string(), key).await;
        assert_eq!(status, expected, "{method} {uri} with the key '{key}': {answer}");
        assert!(answer.to_string().contains(content), "{content} in {answer}");
    }
    for (method, uri) in
        [("POST", "/v1beta/models/gemini-3.5-flash:dance"), ("GET", GENERATE), ("POST", "/v1/x")]
    {
        let (status, content_type, _) = send(&MockGemini::default(), method, uri, "", "key").await;
        assert_eq!((status, content_type.as_str()), (404, "text/html; charset=utf-8"));
    }
}

#[tokio::test]
async fn invalid_request_gets_googles_message() {
    let not_specified = "* GenerateContentRequest.contents: contents is not specified\n";
    let cases = [
        (json!({}), not_specified),
        (json!({"contents": []}), not_specified),
        (json!({"contents": [{"role": "user"}]}), "contents[0].parts: contents.parts must not be empty."),
        (
            json!({"contents": [{"parts": [{"thought": true}]}]}),
            "contents[0].parts[0].data: required oneof field 'data'",
        ),
    ];
    for (body, expected) in cases {
        let message = message_of_400(&body).await;
        assert!(message.contains(expected), "{expected} in {message}");
    }
    let system = json!({"contents": [{"role": "system", "parts": [{"text": "x"}]}]});
    assert_eq!(message_of_400(&system).await, "Please use a valid role: user, model.");

    let mut unknown = user_turn("hi");
    unknown["contents"][0]["content"] = "x".into();
    let (_, answer) = call(&MockGemini::default(), GENERATE, &unknown).await;
    let description =
        "Invalid JSON payload received. Unknown name \"content\" at 'contents[0]': Cannot find field.";
    assert_eq!(
        answer["error"]["details"][0]["fieldViolations"][0],
        json!({"field": "contents[0]", "description": description})
    );
    let (status, _, answer) = send(&MockGemini::default(), "POST", GENERATE, "{\"contents\":", "key").await;
    assert_eq!(status, 400);
    assert!(answer.to_string().contains("Invalid JSON payload received."), "{answer}");
}

#[tokio::test]
async fn calls_are_logged_and_cleared() {
    let mock = MockGemini::default();
    let script = json!({"match": "storm", "steps": [{"kind": "error", "status": 503}]});
    assert_eq!(control(&mock, "POST", "script", &script).await, (200, json!({"scripts": 1})));
    for body in [user_turn("calm"), user_turn("a storm"), json!({})] {
        call(&mock, GENERATE, &body).await;
    }

    let (_, log) = control(&mock, "GET", "calls", &Value::Null).await;
    assert_eq!(log["count"], 3);
    let seen = log["calls"].as_array().unwrap().iter();
    let seen: Vec<Value> =
        seen.map(|call| json!([call["last_user_text"], call["step"], call["status"]])).collect();
    assert_eq!(seen, [json!(["calm", null, 200]), json!(["a storm", "error", 503]), json!(["", null, 400])]);

    assert_eq!(control(&mock, "DELETE", "calls", &Value::Null).await.0, 204);
    let (_, log) = control(&mock, "GET", "calls", &Value::Null).await;
    assert_eq!(log, json!({"count": 0, "calls": [], "over_quota": 0}));
}

#[tokio::test]
async fn scripts_can_be_deleted() {
    let mock = MockGemini::default();
    let script = json!({"steps": [{"kind": "error", "status": 500}], "forever": true});
    control(&mock, "POST", "script", &script).await;
    assert_eq!(call(&mock, GENERATE, &user_turn("hi")).await.0, 500);
    assert_eq!(control(&mock, "DELETE", "script", &Value::Null).await.0, 204);
    assert_eq!(call(&mock, GENERATE, &user_turn("hi")).await.0, 200);
}

#[tokio::test]
async fn invalid_control_call_gets_the_path_of_the_field() {
    let mock = MockGemini::default();
    let cases = [
        ("script", json!({"steps": [{"kind": "explode"}]}), "steps[0].kind"),
        ("latency", json!({"ms": "soon"}), "ms"),
        ("latency", json!({}), "ms"),
        ("latency", json!({"ms": 1, "s": 1}), "s"),
    ];
    for (path, body, field) in cases {
        let (status, answer) = control(&mock, "POST", path, &body).await;
        assert_eq!((status, answer["field"].as_str()), (400, Some(field)));
        assert!(answer["error"].as_str().unwrap().starts_with(field));
    }
    assert_eq!(send(&mock, "POST", "/_control/script", "{", "").await.0, 400);
}

#[tokio::test]
async fn error_of_a_stream_without_events_is_in_an_array() {
    let mock = MockGemini::default();
    assert_eq!(call(&mock, STREAM, &json!({})).await.1[0]["error"]["code"], 400);
    assert_eq!(call(&mock, &format!("{STREAM}?alt=sse"), &json!({})).await.1["error"]["code"], 400);
}

#[tokio::test]
async fn thinking_level_must_be_one_that_the_model_supports() {
    let with = |config: Value| {
        let mut body = user_turn("hi");
        body["generationConfig"] = json!({"thinkingConfig": config});
        body
    };
    let (status, answer) =
        call(&MockGemini::default(), GENERATE, &with(json!({"thinkingLevel": "low"}))).await;
    assert_eq!((status, &answer["usageMetadata"]["thoughtsTokenCount"]), (200, &json!(12)));
    let newest = GENERATE.replace("3.5", "3.8");
    for (model, config, expected) in [
        (GENERATE, json!({"thinkingLevel": "MINIMAL"}), ""),
        (&newest, json!({"thinkingLevel": "MINIMAL"}), "MINIMAL is not supported"),
        (GENERATE, json!({"thinkingLevel": "DEEP"}), "Invalid value at"),
        (GENERATE, json!({"thinkingLevel": "LOW", "thinkingBudget": 5}), "only one of"),
    ] {
        let (status, answer) = call(&MockGemini::default(), model, &with(config)).await;
        assert_eq!(status == 200, expected.is_empty(), "{answer}");
        assert!(answer.to_string().contains(expected), "{expected}");
    }
}

#[tokio::test]
async fn empty_text_model_turns_at_the_end_and_bad_safety_settings_are_refused() {
    let empty = message_of_400(&user_turn("")).await;
    assert!(empty.contains("required oneof field 'data'"), "{empty}");
    let mut model_last = user_turn("hi");
    model_last["contents"] = json!([model_last["contents"][0], {"role": "model", "parts": [{"text": "x"}]}]);
    assert!(message_of_400(&model_last).await.contains("end with a user role"));
    let harassment = json!({"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"});
    for (settings, expected) in [
        (json!([{"category": "HARM_CATEGORY_X", "threshold": "OFF"}]), "safety_settings[0].category"),
        (
            json!([{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "LOW"}]),
            "safety_settings[0].threshold",
        ),
        (json!([harassment, harassment]), "duplicate category"),
    ] {
        let mut body = user_turn("hi");
        body["safetySettings"] = settings;
        assert!(message_of_400(&body).await.contains(expected), "{expected}");
    }
}

#[tokio::test]
async fn scripted_parts_candidates_usage_and_raw_bodies_are_sent() {
    let mock = MockGemini::default();
    let parts = json!([{"text": "hm", "thought": true}, {"text": "", "thoughtSignature": "c2ln"}]);
    let steps = json!([
        {"kind": "answer", "parts": parts, "usage": {"promptTokenCount": "5"}, "model_version": "m",
            "more_candidates": [{"index": 1}]},
        {"kind": "error", "status": 499},
        {"kind": "error", "status": 429, "message": "credits are depleted", "details": [7], "array": true},
        {"kind": "raw", "status": 502, "body": "<html>", "headers": {"content-type": "text/html"}},
    ]);
    control(&mock, "POST", "script", &json!({"steps": steps})).await;
    let (_, answer) = call(&mock, GENERATE, &user_turn("hi")).await;
    assert_eq!(
        (&answer["candidates"][0]["content"]["parts"], &answer["candidates"][1]["index"]),
        (&parts, &json!(1))
    );
    assert_eq!(
        (&answer["usageMetadata"]["promptTokenCount"], &answer["modelVersion"]),
        (&json!("5"), &json!("m"))
    );
    let (status, cancelled) = call(&mock, GENERATE, &user_turn("hi")).await;
    assert_eq!((status, &cancelled["error"]["status"]), (499, &json!("CANCELLED")));
    let (_, money) = call(&mock, GENERATE, &user_turn("hi")).await;
    let error = &money[0]["error"];
    assert_eq!((&error["message"], &error["details"]), (&json!("credits are depleted"), &json!([7])));
    let html = send(&mock, "POST", GENERATE, &user_turn("hi").to_string(), "key").await;
    assert_eq!(html, (502, "text/html".to_owned(), json!("<html>")));
}

#[tokio::test]
async fn disconnect_of_the_caller_is_logged() {
    let mock = MockGemini::default();
    let script = json!({"steps": [{"kind": "answer", "duration_ms": 600_000}, {"kind": "answer"}]});
    assert_eq!(control(&mock, "POST", "script", &script).await.0, 200);
    let request = Request::builder().method("POST").uri(format!("{STREAM}?alt=sse"));
    let request = request.header("x-goog-api-key", "key").body(Body::from(user_turn("hi").to_string()));
    let response = mock.clone().router().oneshot(request.unwrap()).await.unwrap();
    assert_eq!(mock.disconnects("hi"), 0);
    drop(response);
    assert_eq!(mock.disconnects("hi"), 1);
    assert_eq!(call(&mock, STREAM, &user_turn("hi")).await.0, 200);
    assert_eq!((mock.disconnects("hi"), mock.calls("hi")), (1, 2));
    let log = control(&mock, "GET", "calls", &Value::Null).await.1;
    let ends =
        |call: usize| ["disconnected_at", "completed_at"].map(|end| log["calls"][call][end].is_string());
    assert_eq!([ends(0), ends(1)], [[true, false], [false, true]]);
}
