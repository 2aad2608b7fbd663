//! Invalid input on every route: a 4xx that names the error, never a 5xx, and nothing stored.

use harness::db_observer::ROWS;
use harness::routes::CHAT_STREAM;
use serde_json::{Value, json};
use testkit::{Response, TestApp, TestUser};
use web::{Route, RoutePolicy};

use super::{NO_TIME_TO_STREAM, UNKNOWN_ID, line, path_of, request, sample, start, table};

/// The routes that take a body, except those that check its signature first.
fn with_body() -> Vec<(Route, Value)> {
    let unsigned = table().into_iter().filter(|route| route.policy != RoutePolicy::SignedWebhook);
    let taking = unsigned.filter_map(|route| sample(&route).map(|body| (route, body)));
    let taking: Vec<_> = taking.collect();
    assert!(taking.len() > 12, "only {} events have a body", taking.len());
    taking
}

/// The routes that can be called without a body.
const OPTIONAL_BODY: [&str; 1] = ["POST /api/chatroom/message/{id}/regenerate"];

async fn send(app: &TestApp, user: &TestUser, route: &Route, body: &str) -> Response {
    let path = path_of(route, UNKNOWN_ID);
    let request = app.request(route.method.as_str(), &path).by(user);
    request.body(body).header("content-type", "application/json").send().await
}

async fn operator(app: &TestApp) -> TestUser {
    let user = app.user().await;
    app.make_admin(&user).await;
    user
}

#[tokio::test]
async fn bodies_other_than_a_json_object_are_refused() {
    let app = start().await;
    let user = operator(&app).await;
    let rows: i64 = app.query_value(ROWS).await;
    let deep = |open: &str| format!("{{\"x\":{}", open.repeat(60_000 / open.len()));
    let texts = r#"|{|"text"|[]|["a"]|null|true|1e999|{} {}|{'x':1}|{"x":NaN}|// {}"#;
    let mut bodies: Vec<String> = texts.split('|').map(str::to_owned).collect();
    bodies.extend(["\u{0}", "{\"x\":\u{0}}"].map(str::to_owned));
    bodies.extend(["[".repeat(60_000), deep("["), deep("{\"x\":")]);
    for (route, _) in with_body() {
        let is_optional = OPTIONAL_BODY.contains(&line(&route).as_str());
        for body in bodies.iter().filter(|body| !(is_optional && body.is_empty())) {
            let response = send(&app, &user, &route, body).await;
            assert_eq!(response.status, 400, "{} {body:.40}: {response}", line(&route));
            assert!(!response.text("/detail").is_empty());
        }
    }
    assert_eq!(app.query_value::<i64>(ROWS).await, rows);
}

#[tokio::test]
async fn wrong_content_types_and_sizes_have_their_own_status() {
    let app = start().await;
    let user = operator(&app).await;
    // Larger than the limit of every route.
    let large = format!("{{\"x\":\"{}\"}}", "x".repeat(1025 * 1024));
    for (route, body) in with_body() {
        let path = path_of(&route, UNKNOWN_ID);
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
            "application/jsonx",
            "",
        ] {
            let request = app.request(route.method.as_str(), &path).by(&user).body(&body.to_string());
            let response = request.header("content-type", kind).send().await;
            response.expect_problem(415, "unsupported_media_type");
        }
        send(&app, &user, &route, &large).await.expect_problem(413, "body_too_large");
    }
}

#[tokio::test]
async fn every_route_names_an_invalid_field() {
    let app = start().await;
    let user = operator(&app).await;
    let rows: i64 = app.query_value(ROWS).await;
    for (route, body) in with_body() {
        for field in body.as_object().unwrap().keys() {
            let mut values = vec![json!({}), json!([]), json!(true), json!([["x"]]), json!(-1.5)];
            if body[field].is_boolean() {
                values.retain(|value| !value.is_boolean());
                values.push(json!("true"));
            }
            if body[field].is_string() {
                values.extend([json!(7), json!("a\u{0}b"), json!("x".repeat(20_000))]);
            }
            for value in values {
                let mut wrong = body.clone();
                wrong[field] = value.clone();
                let response = send(&app, &user, &route, &wrong.to_string()).await;
                let line = format!("{} {field}={value:.40}", line(&route));
                // Tokens are opaque: their content is not validated.
                if field == "refresh_token" && value.is_string() {
                    assert_eq!(response.status, 401, "{line}");
                    continue;
                }
                // Passwords may contain any character.
                if field.contains("password") && value == "a\u{0}b" && response.status != 400 {
                    assert!([401, 429].contains(&response.status.as_u16()), "{line}: {response}");
                    continue;
                }
                assert_eq!(response.status, 400, "{line}: {response}");
                assert!(response.text("/detail").contains(field.as_str()), "{line}: {response}");
            }
            for broken in ["\"\\ud800\"", "\"\\udc00\\ud800\"", "\"\\u12\"", "\"\u{1}\""] {
                let text = body.to_string().replace(&body[field].to_string(), broken);
                let response = send(&app, &user, &route, &text).await;
                assert_eq!(response.status, 400, "{} {field}={broken}: {response}", line(&route));
            }
            let twice = format!("{{\"{field}\":{0},\"{field}\":{0}}}", body[field]);
            let response = send(&app, &user, &route, &twice).await;
            assert_eq!(response.status, 400, "{} {field} twice: {response}", line(&route));
        }
    }
    assert_eq!(app.query_value::<i64>(ROWS).await, rows);
}

#[tokio::test]
async fn protected_fields_cannot_be_set() {
    let app = start().await;
    let (user, other) = (app.user().await, app.user().await);
    let chatroom = app.create_chatroom(&user).await;
    let extra = json!({
        "id": UNKNOWN_ID, "user_id": other.id, "owner": other.id, "role": "admin", "is_admin": true,
        "subscription_tier": "pro", "tier": "pro", "daily_message_limit": 9999, "password_hash": "x",
        "created_at": "2000-01-01T00:00:00Z", "deleted_at": null, "processing_status": "completed",
        "message_type": "ai", "quota_day": null, "attempts": 99, "__proto__": { "role": "admin" },
    });
    // The others end the session or the account, and have tests of their own.
    let harmless = |route: &Route| {
        !["/api/auth/change-password", "/api/auth/logout", "/api/user/me"].contains(&route.path)
    };
    for (route, mut body) in with_body().into_iter().filter(|(route, _)| harmless(route)) {
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let path = path_of(&route, &chatroom);
        let request = app.request(route.method.as_str(), &path).time_left(NO_TIME_TO_STREAM);
        let response = request.by(&user).json(body).send().await;
        assert!(response.status.as_u16() < 500, "{path}: {response}");
    }
    let body = json!({ "name": "Ada", "role": "admin", "subscription_tier": "pro", "id": UNKNOWN_ID, "mobile_number": "+4915100000001" });
    app.request("PUT", "/api/user/me").by(&user).json(body).send().await.expect(200);
    let applied = format!(
        "SELECT (SELECT count(*) FROM users WHERE role <> 'user' OR subscription_tier <> 'basic' OR id = '{UNKNOWN_ID}')
            + (SELECT count(*) FROM chatrooms WHERE user_id <> '{0}' OR id = '{UNKNOWN_ID}' OR created_at < '2020-01-01')
            + (SELECT count(*) FROM messages WHERE user_id <> '{0}' OR message_type <> 'user' OR attempts > 0
                OR processing_status <> 'pending')",
        user.id
    );
    assert_eq!(app.query_value::<i64>(&applied).await, 0);
}

#[tokio::test]
async fn manipulated_ids_and_cursors_are_refused() {
    let app = start().await;
    let user = operator(&app).await;
    let ids = "0 -1 null undefined .. %2e%2e ..%2f..%2fetc%2fpasswd %00 a%00b %ff 1%20OR%201=1 '%3B-- {id} * \
               018f0000-0000-7000-8000-00000000000 018f0000-0000-7000-8000-0000000000011 %F0%9F%90%9F \
               018f0000000070008000000000000001";
    for route in table().iter().filter(|route| route.path.contains("{id}")) {
        for id in ids.split(' ') {
            let response = request(&app, route, id).by(&user).send().await;
            let status = response.status.as_u16();
            let is_refused =
                [400, 404, 405].contains(&status) || (route.path == CHAT_STREAM && status == 204);
            assert!(is_refused, "{} {id}: {response}", line(route));
        }
    }
    let cursors =
        ["", "x", "-1", "0", "99999999999999999999", "%00", "018f", "1.1", "{}", "'", "1%20OR%201=1"];
    for path in [
        "/api/chatroom?",
        "/api/chatroom?sort=activity&",
        "/api/chatroom/search?q=a&",
        "/api/queue/failed?",
        "/api/queue/actions?",
        "/api/queue/feedback?",
        "/api/queue/spending?",
        "/api/user/export?",
    ] {
        for cursor in cursors {
            let response = app.request("GET", &format!("{path}cursor={cursor}")).by(&user).send().await;
            response.expect_invalid(&["cursor"]);
        }
    }
}

#[tokio::test]
async fn invalid_query_parameters_are_named() {
    let app = start().await;
    let user = operator(&app).await;
    for (path, name) in [
        ("/api/chatroom?", "limit"),
        ("/api/chatroom/search?q=a&", "limit"),
        ("/api/queue/failed?", "limit"),
        ("/api/queue/actions?", "limit"),
        ("/api/queue/feedback?", "limit"),
        ("/api/queue/feedback/models?", "from"),
        ("/api/queue/feedback/models?", "to"),
        ("/api/queue/spending?", "limit"),
        ("/api/user/usage?", "days"),
    ] {
        for value in ["0", "-1", "1000", "x", "", "1.5", "1e3", "%00", "99999999999999999999"] {
            let response = app.request("GET", &format!("{path}{name}={value}")).by(&user).send().await;
            response.expect_invalid(&[name]);
        }
        let twice = format!("{path}{name}=1&{name}=2");
        let response = app.request("GET", &twice).by(&user).send().await;
        assert_eq!(response.status, 400, "{twice}: {response}");
    }
}
