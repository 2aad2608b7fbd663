//! The routes of the Node.js service, in the order of one user's life: the names, types and statuses
//! that its clients rely on. Other members are allowed beside them.

use serde_json::{Value, json};
use testkit::{GOOD_CARD, Response, TestApp, random_number};

/// Fails unless `actual` has the members of `expected`, which gives their types: `string`, `number`,
/// `boolean`, `time`, or one of them with `?` if it may be null. Another text is the value itself.
#[track_caller]
fn assert_shape(actual: &Value, expected: &Value, place: &str) {
    match expected {
        Value::Object(members) => {
            for (name, expected) in members {
                assert!(actual.get(name).is_some(), "{place} has no {name}: {actual}");
                assert_shape(&actual[name], expected, &format!("{place}.{name}"));
            }
        }
        Value::Array(elements) => {
            let actual = actual.as_array().unwrap_or_else(|| panic!("{place} is no list: {actual}"));
            assert!(!actual.is_empty(), "{place} is empty");
            for element in actual {
                assert_shape(element, &elements[0], place);
            }
        }
        Value::String(kind) => assert!(is_of(actual, kind), "{place} is not {kind}: {actual}"),
        value => assert_eq!(actual, value, "{place}"),
    }
}

fn is_of(actual: &Value, kind: &str) -> bool {
    if let Some(kind) = kind.strip_suffix('?') {
        return actual.is_null() || is_of(actual, kind);
    }
    match kind {
        "string" => actual.is_string(),
        "number" => actual.is_number(),
        "boolean" => actual.is_boolean(),
        "time" => actual.as_str().is_some_and(|text| chrono::DateTime::parse_from_rfc3339(text).is_ok()),
        value => actual == value,
    }
}

/// One user's client.
struct Client {
    app: TestApp,
    token: String,
}

impl Client {
    async fn start() -> Self {
        let app = TestApp::serving(super::routes()).var("OTP_DELIVERY", "response");
        Self { app: app.var("REDIRECT_HOSTS", "app.example").start().await, token: String::new() }
    }

    /// Sends a request, and compares the status and the shape of the response.
    async fn call(&self, method: &str, path: &str, body: Value, status: u16, shape: Value) -> Response {
        let mut request = self.app.request(method, path);
        if !body.is_null() {
            request = request.json(body);
        }
        if !self.token.is_empty() {
            request = request.header("authorization", &format!("Bearer {}", self.token));
        }
        let response = request.send().await.expect(status);
        assert_shape(&response.body["success"], &json!(status < 400), path);
        assert_shape(&response.body, &shape, &format!("{method} {path}"));
        response
    }

    /// Signs up, and returns the number and the password.
    async fn sign_up(&mut self) -> (String, String) {
        let (number, password) = (random_number().as_str().to_owned(), "correct horse battery".to_owned());
        let sent = json!({ "message": "string", "expires_in": 300, "resend_in": 60, "otp": "string" });
        let body = json!({ "mobile_number": number });
        let sent = self.call("POST", "/api/auth/send-signup-otp", body, 200, sent).await;
        let body =
            json!({ "mobile_number": number, "otp": sent.text("/otp"), "name": "Ada", "password": password });
        let created = self.call("POST", "/api/auth/verify-signup-otp", body, 201, session()).await;
        self.token = created.text("/token");
        (number, password)
    }
}

fn session() -> Value {
    let user =
        json!({ "id": "string", "mobile_number": "string", "name": "string", "subscription_tier": "basic" });
    json!({ "message": "string", "token": "string", "refresh_token": "string", "expires_in": "number", "user": user })
}

fn failure() -> Value {
    json!({ "message": "string", "code": "string", "status": "number", "title": "string", "request_id": "string" })
}

fn message(status: &str) -> Value {
    json!({ "id": "string", "content": "string", "message_type": "user", "processing_status": status, "created_at": "time" })
}

fn room() -> Value {
    json!({ "id": "string", "user_id": "string", "name": "string", "description": "string?", "created_at": "time", "updated_at": "time" })
}

#[tokio::test]
async fn accounts() {
    let mut client = Client::start().await;
    let (number, password) = client.sign_up().await;
    let credentials = json!({ "mobile_number": number, "password": password });
    client.call("POST", "/api/auth/login", credentials, 200, session()).await;
    let forgot = json!({ "message": "string", "expires_in": "number" });
    let body = json!({ "mobile_number": number });
    client.call("POST", "/api/auth/forgot-password", body, 200, forgot).await;

    let user = json!({ "id": "string", "mobile_number": number, "name": "Ada", "subscription_tier": "basic", "created_at": "time" });
    let usage = json!({ "daily_messages_used": 0, "daily_message_limit": 5, "remaining_messages": 5, "resets_at": "time" });
    client.call("GET", "/api/user/me", Value::Null, 200, json!({ "user": user, "usage": usage })).await;
    let renamed = json!({ "message": "string", "user": { "id": "string", "name": "Grace", "mobile_number": number, "subscription_tier": "basic" } });
    client.call("PUT", "/api/user/me", json!({ "name": "Grace" }), 200, renamed).await;
    let stats = json!({ "stats": { "chatroom_count": 0, "message_count": 0, "ai_response_count": 0 } });
    client.call("GET", "/api/user/stats", Value::Null, 200, stats).await;

    let change = |current: &str| json!({ "current_password": current, "new_password": "a wholly new one" });
    client.call("POST", "/api/auth/change-password", change("wrong one"), 400, failure()).await;
    client
        .call("POST", "/api/auth/change-password", change(&password), 200, json!({ "message": "string" }))
        .await;
}

#[tokio::test]
async fn conversations() {
    let mut client = Client::start().await;
    client.sign_up().await;
    let body = json!({ "name": "Plans", "description": "For next year" });
    let created = json!({ "message": "string", "chatroom": room() });
    let created = client.call("POST", "/api/chatroom", body, 201, created).await;
    let path = format!("/api/chatroom/{}", created.text("/chatroom/id"));
    let list = json!({ "chatrooms": [room()], "cached": "boolean" });
    client.call("GET", "/api/chatroom", Value::Null, 200, list).await;

    let sent = json!({ "message": message("pending"), "queue_status": "queued" });
    let messages = format!("{path}/message");
    let sent = client.call("POST", &messages, json!({ "content": "hello" }), 201, sent).await;
    let read = json!({ "chatroom": room(), "messages": [message("pending")] });
    client.call("GET", &path, Value::Null, 200, read).await;
    let mut status = message("pending");
    status["chatroom_id"] = json!("string");
    status["chatroom_name"] = json!("Plans");
    let status_path = format!("/api/chatroom/message/{}/status", sent.text("/message/id"));
    client.call("GET", &status_path, Value::Null, 200, json!({ "message": status })).await;

    let invalid = json!({ "message": "string", "errors": ["string"] });
    client.call("POST", &messages, json!({ "content": "" }), 400, invalid).await;
    client.call("DELETE", &path, Value::Null, 200, json!({ "message": "string" })).await;
    client.call("GET", &path, Value::Null, 404, failure()).await;
}

#[tokio::test]
async fn payments() {
    let mut client = Client::start().await;
    let limits = json!({ "daily_messages": "number" });
    let plan = json!({ "id": "string", "name": "string", "price": "number", "unit_amount": "number", "currency": "USD",
        "features": ["string"], "limits": limits });
    client.call("GET", "/api/subscription/plans", Value::Null, 200, json!({ "plans": [plan] })).await;
    client.sign_up().await;
    let none = json!({ "tier": "basic", "status": "inactive", "current_period_end": "time?", "cancel_at_period_end": false });
    client.call("GET", "/api/subscription/status", Value::Null, 200, json!({ "subscription": none })).await;
    client.call("POST", "/api/subscription/cancel", Value::Null, 404, failure()).await;

    let urls = json!({ "success_url": "https://app.example/yes", "cancel_url": "https://app.example/no" });
    let opened = json!({ "message": "string", "session_id": "string", "checkout_url": "string" });
    let opened = client.call("POST", "/api/subscription/pro", urls.clone(), 200, opened).await;
    client.app.pay_checkout(&opened.text("/session_id"), GOOD_CARD).await;
    client.app.deliver_all_events().await;
    let active = json!({ "tier": "pro", "status": "active", "current_period_end": "time", "cancel_at_period_end": false, "ends_at": "time?" });
    client.call("GET", "/api/subscription/status", Value::Null, 200, json!({ "subscription": active })).await;
    client.call("POST", "/api/subscription/pro", urls, 409, failure()).await;
    for (action, is_cancelled) in [("cancel", true), ("reactivate", false)] {
        let changed = json!({ "id": "string", "status": "active", "cancel_at_period_end": is_cancelled, "current_period_end": "time" });
        let shape = json!({ "message": "string", "subscription": changed });
        client.call("POST", &format!("/api/subscription/{action}"), Value::Null, 200, shape).await;
    }
    client.call("GET", "/api/webhook/test", Value::Null, 200, json!({ "configuration": {} })).await;
    client.call("POST", "/api/webhook/stripe", json!({}), 400, failure()).await;
}

#[tokio::test]
async fn public_routes() {
    let client = Client::start().await;
    let counts = json!({ "waiting": "number", "active": "number", "delayed": "number", "completed": "number", "failed": "number" });
    client.call("GET", "/api/queue/status", Value::Null, 200, counts).await;
    let health = json!({ "status": "OK", "timestamp": "time", "uptime": "number" });
    client.call("GET", "/health", Value::Null, 200, health).await;
    client.call("GET", "/api/user/me", Value::Null, 401, failure()).await;
    let wrong = json!({ "mobile_number": random_number().as_str(), "password": "not the password" });
    client.call("POST", "/api/auth/login", wrong, 401, failure()).await;
    client.call("GET", "/api/nothing", Value::Null, 404, failure()).await;
}

#[test]
#[should_panic(expected = "a.b is not number")]
fn wrong_type_fails() {
    assert_shape(&json!({ "b": "1" }), &json!({ "b": "number" }), "a");
}
