//! Bad input, on every route: a 4xx that says what is wrong, never a 5xx, and nothing stored.

use serde_json::{Value, json};
use testkit::{Answer, Person, TestApp};
use web::{Route, RoutePolicy};

use super::{NOBODYS, path_of, sample, start, table};

/// The routes that take a body, but for those that look at nothing of it before they know its signature.
fn with_body() -> Vec<(Route, Value)> {
    let unsigned = table().into_iter().filter(|route| route.policy != RoutePolicy::SignedWebhook);
    let taking = unsigned.filter_map(|route| sample(&route).map(|body| (route, body)));
    let taking: Vec<_> = taking.collect();
    assert!(taking.len() > 12, "only {} events have a body", taking.len());
    taking
}

async fn send(app: &TestApp, person: &Person, route: &Route, body: &str) -> Answer {
    let path = path_of(route, NOBODYS);
    let request = app.request(route.method.as_str(), &path).by(person);
    request.body(body).header("content-type", "application/json").send().await
}

/// Everything that is stored, in rows.
const ROWS: &str = "SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM sessions)
    + (SELECT count(*) FROM chatrooms) + (SELECT count(*) FROM messages) + (SELECT count(*) FROM daily_usage)";

/// Somebody who may do everything.
async fn operator(app: &TestApp) -> Person {
    let person = app.person().await;
    app.make_admin(&person).await;
    person
}

#[tokio::test]
async fn what_is_no_json_object_is_refused_everywhere() {
    let app = start().await;
    let person = operator(&app).await;
    let rows: i64 = app.stored(ROWS).await;
    let deep = |open: &str| format!("{{\"x\":{}", open.repeat(60_000 / open.len()));
    let bodies = [
        String::new(),
        "{".to_owned(),
        "\"text\"".to_owned(),
        "[]".to_owned(),
        "[\"a\"]".to_owned(),
        "null".to_owned(),
        "true".to_owned(),
        "1e999".to_owned(),
        "{} {}".to_owned(),
        "\u{0}".to_owned(),
        "{\"x\":\u{0}}".to_owned(),
        "{'x':1}".to_owned(),
        "{\"x\":NaN}".to_owned(),
        "// {}".to_owned(),
        "[".repeat(60_000),
        deep("["),
        deep("{\"x\":"),
    ];
    for (route, _) in with_body() {
        for body in &bodies {
            let answer = send(&app, &person, &route, body).await;
            assert_eq!(answer.status, 400, "{} {} {body:.40}: {}", route.method, route.path, answer.body);
            assert!(!answer.text("/detail").is_empty());
        }
    }
    assert_eq!(app.stored::<i64>(ROWS).await, rows);
}

#[tokio::test]
async fn types_and_sizes_have_their_own_status_everywhere() {
    let app = start().await;
    let person = operator(&app).await;
    let large = format!("{{\"x\":\"{}\"}}", "x".repeat(65 * 1024));
    for (route, body) in with_body() {
        let path = path_of(&route, NOBODYS);
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
            "application/jsonx",
            "",
        ] {
            let request = app.request(route.method.as_str(), &path).by(&person).body(&body.to_string());
            let answer = request.header("content-type", kind).send().await;
            let _ = answer.expect_problem(415, "unsupported_media_type");
        }
        let _ = send(&app, &person, &route, &large).await.expect_problem(413, "body_too_large");
    }
}

#[tokio::test]
async fn a_wrong_field_is_named_everywhere() {
    let app = start().await;
    let person = operator(&app).await;
    let rows: i64 = app.stored(ROWS).await;
    for (route, body) in with_body() {
        for field in body.as_object().unwrap().keys() {
            let mut values = vec![json!({}), json!([]), json!(true), json!([["x"]]), json!(-1.5)];
            if body[field].is_string() {
                values.extend([json!(7), json!("a\u{0}b"), json!("x".repeat(20_000))]);
            }
            for value in values {
                let mut wrong = body.clone();
                wrong[field] = value.clone();
                let answer = send(&app, &person, &route, &wrong.to_string()).await;
                let line = format!("{} {} {field}={value:.40}", route.method, route.path);
                // A token is opaque: what it says is nobody's business.
                if field == "refresh_token" && value.is_string() {
                    assert_eq!(answer.status, 401, "{line}");
                    continue;
                }
                // Nor what a password is made of.
                if field.contains("password") && value == "a\u{0}b" && answer.status != 400 {
                    assert!([401, 429].contains(&answer.status.as_u16()), "{line}: {}", answer.body);
                    continue;
                }
                assert_eq!(answer.status, 400, "{line}: {}", answer.body);
                assert!(answer.text("/detail").contains(field.as_str()), "{line}: {}", answer.body);
            }
            for broken in ["\"\\ud800\"", "\"\\udc00\\ud800\"", "\"\\u12\"", "\"\u{1}\""] {
                let text = body.to_string().replace(&body[field].to_string(), broken);
                let answer = send(&app, &person, &route, &text).await;
                assert_eq!(
                    answer.status, 400,
                    "{} {} {field}={broken}: {}",
                    route.method, route.path, answer.body
                );
            }
            let twice = format!("{{\"{field}\":{0},\"{field}\":{0}}}", body[field]);
            let answer = send(&app, &person, &route, &twice).await;
            assert_eq!(answer.status, 400, "{} {} {field} twice: {}", route.method, route.path, answer.body);
        }
    }
    assert_eq!(app.stored::<i64>(ROWS).await, rows);
}

#[tokio::test]
async fn fields_that_are_nobodys_to_set_are_set_by_nobody() {
    let app = start().await;
    let (person, other) = (app.person().await, app.person().await);
    let room = app.room(&person).await;
    let extra = json!({
        "id": NOBODYS, "user_id": other.id, "owner": other.id, "role": "admin", "is_admin": true,
        "subscription_tier": "pro", "tier": "pro", "daily_message_limit": 9999, "password_hash": "x",
        "created_at": "2000-01-01T00:00:00Z", "deleted_at": null, "processing_status": "completed",
        "message_type": "ai", "quota_day": null, "attempts": 99, "__proto__": { "role": "admin" },
    });
    // Those that end what they are done to are tried by their own tests.
    let harmless = |route: &Route| {
        !["/api/auth/change-password", "/api/auth/logout", "/api/user/me"].contains(&route.path)
    };
    for (route, mut body) in with_body().into_iter().filter(|(route, _)| harmless(route)) {
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let path = path_of(&route, &room);
        let answer = app.request(route.method.as_str(), &path).by(&person).json(body).send().await;
        assert!(answer.status.as_u16() < 500, "{path}: {}", answer.body);
    }
    let body = json!({ "name": "Ada", "role": "admin", "subscription_tier": "pro", "id": NOBODYS, "mobile_number": "+4915100000001" });
    let _ = app.request("PUT", "/api/user/me").by(&person).json(body).send().await.expect(200);
    let applied = format!(
        "SELECT (SELECT count(*) FROM users WHERE role <> 'user' OR subscription_tier <> 'basic' OR id = '{NOBODYS}')
            + (SELECT count(*) FROM chatrooms WHERE user_id <> '{0}' OR id = '{NOBODYS}' OR created_at < '2020-01-01')
            + (SELECT count(*) FROM messages WHERE user_id <> '{0}' OR message_type <> 'user' OR attempts > 0
                OR processing_status <> 'pending')",
        person.id
    );
    assert_eq!(app.stored::<i64>(&applied).await, 0);
}

#[tokio::test]
async fn ids_and_cursors_that_were_tampered_with_name_nothing() {
    let app = start().await;
    let person = operator(&app).await;
    let ids = [
        "0",
        "-1",
        "null",
        "undefined",
        "..",
        "%2e%2e",
        "..%2f..%2fetc%2fpasswd",
        "%00",
        "a%00b",
        "%ff",
        "1%20OR%201=1",
        "'%3B--",
        "018f0000-0000-7000-8000-00000000000",
        "018f0000-0000-7000-8000-0000000000011",
        "%F0%9F%90%9F",
        "018f0000000070008000000000000001",
        "{id}",
        "*",
    ];
    for route in table().iter().filter(|route| route.path.contains("{id}")) {
        for id in ids {
            let request = app.request(route.method.as_str(), &path_of(route, id)).by(&person);
            let answer = match sample(route) {
                Some(body) => request.json(body).send().await,
                None => request.send().await,
            };
            let line = format!("{} {} {id}", route.method, route.path);
            assert!([400, 404, 405].contains(&answer.status.as_u16()), "{line}: {}", answer.body);
        }
    }
    let cursors =
        ["", "x", "-1", "0", "99999999999999999999", "%00", "018f", "1.1", "{}", "'", "1%20OR%201=1"];
    for (path, name) in [
        ("/api/chatroom", "cursor"),
        ("/api/chatroom/search", "cursor"),
        ("/api/queue/failed", "cursor"),
        ("/api/user/export", "cursor"),
    ] {
        for cursor in cursors {
            let query = if path.ends_with("search") {
                format!("q=a&{name}={cursor}")
            } else {
                format!("{name}={cursor}")
            };
            let answer = app.request("GET", &format!("{path}?{query}")).by(&person).send().await;
            answer.expect_invalid(&[name]);
        }
    }
}

#[tokio::test]
async fn queries_that_do_not_do_are_refused_by_name() {
    let app = start().await;
    let person = operator(&app).await;
    for (path, name) in [
        ("/api/chatroom", "limit"),
        ("/api/chatroom/search?q=a", "limit"),
        ("/api/queue/failed", "limit"),
        ("/api/user/usage", "days"),
    ] {
        let separator = if path.contains('?') { '&' } else { '?' };
        for value in ["0", "-1", "1000", "x", "", "1.5", "1e3", "%00", "99999999999999999999"] {
            let answer =
                app.request("GET", &format!("{path}{separator}{name}={value}")).by(&person).send().await;
            answer.expect_invalid(&[name]);
        }
        let twice = format!("{path}{separator}{name}=1&{name}=2");
        let answer = app.request("GET", &twice).by(&person).send().await;
        assert_eq!(answer.status, 400, "{twice}: {}", answer.body);
    }
}
