//! Invalid input: the response names the fields, and nothing is stored.

use serde_json::json;
use testkit::TestApp;

use super::start;

const ROUTES: [(&str, &[&str]); 5] = [
    ("send-signup-otp", &["mobile_number"]),
    ("verify-signup-otp", &["mobile_number", "otp", "name", "password"]),
    ("login", &["mobile_number", "password"]),
    ("forgot-password", &["mobile_number"]),
    ("reset-password", &["mobile_number", "otp", "new_password"]),
];

async fn post(app: &TestApp, route: &str, body: &str) -> testkit::Response {
    let path = format!("/api/auth/{route}");
    app.request("POST", &path).body(body).header("content-type", "application/json").send().await
}

#[tokio::test]
async fn all_missing_fields_are_named_in_one_response() {
    let app = start().await;
    for (route, fields) in ROUTES {
        post(&app, route, "{}").await.expect_invalid(fields);
    }
    let user = app.user().await;
    let response = app.request("POST", "/api/auth/change-password").by(&user).json(json!({})).send().await;
    response.expect_invalid(&["current_password", "new_password"]);
}

#[tokio::test]
async fn fields_of_the_wrong_type_are_named() {
    let app = start().await;
    for (route, fields) in ROUTES {
        for field in fields {
            for value in [json!(1), json!(null), json!([]), json!({}), json!(true)] {
                post(&app, route, &json!({ *field: value }).to_string()).await.expect_invalid(&[field]);
            }
        }
    }
}

#[tokio::test]
async fn bodies_that_are_no_json_objects_are_refused() {
    let app = start().await;
    let deep = "[".repeat(20_000);
    for body in ["", "{", "\"a\"", "[1]", "null", "{\"mobile_number\":\"\\ud800\"}", "\u{0}", &deep, "{} {}"]
    {
        let status = post(&app, "login", body).await.status;
        assert_eq!(status.as_u16(), 400, "{body:.40}");
    }
    let duplicate = r#"{"mobile_number":"+4915112345678","mobile_number":"+4915112345679","password":"x"}"#;
    let response = post(&app, "login", duplicate).await.expect_problem(400, "validation_failed");
    assert!(response.text("/detail").contains("mobile_number"), "{}", response.body);
}

#[tokio::test]
async fn fields_outside_their_bounds_are_named() {
    let app = start().await;
    let signup = |change: (&str, serde_json::Value)| {
        let mut body = json!({ "mobile_number": "+4915112345678", "otp": "123456", "name": "Ada", "password": "eight ch" });
        body[change.0] = change.1;
        body.to_string()
    };
    for (field, value) in [
        ("mobile_number", json!("abc")),
        ("mobile_number", json!("+1")),
        ("otp", json!("12345")),
        ("otp", json!("12345x")),
        ("name", json!("A")),
        ("name", json!("x".repeat(101))),
        ("name", json!("a\u{0}b")),
        ("name", json!("\u{200b}\u{2800}")),
        ("password", json!("seven c")),
        ("password", json!("x".repeat(129))),
    ] {
        post(&app, "verify-signup-otp", &signup((field, value))).await.expect_invalid(&[field]);
    }
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM users").await, 0);
}

#[tokio::test]
async fn wrong_methods_paths_types_and_sizes_have_their_own_status() {
    let app = start().await;
    let response =
        app.request("GET", "/api/auth/login").send().await.expect_problem(405, "method_not_allowed");
    assert_eq!(response.header("allow"), Some("POST"));
    let _ = app.request("POST", "/api/auth/nothing").send().await.expect_problem(404, "route_not_found");
    let text =
        app.request("POST", "/api/auth/login").body("{}").header("content-type", "text/plain").send().await;
    let _ = text.expect_problem(415, "unsupported_media_type");
    let large = format!("{{\"mobile_number\":\"{}\"}}", "1".repeat(65 * 1024));
    let _ = post(&app, "login", &large).await.expect_problem(413, "body_too_large");
}

#[tokio::test]
async fn unknown_fields_are_ignored_and_never_applied() {
    let (app, number) = (start().await, testkit::random_number());
    let otp = super::signup_code(&app, &number).await;
    let body = json!({
        "mobile_number": number.as_str(), "otp": otp, "name": "Ada", "password": "eight ch",
        "subscription_tier": "pro", "role": "admin", "id": "018f0000-0000-7000-8000-00000000ffff", "chatroom_count": 9,
    });
    let response = post(&app, "verify-signup-otp", &body.to_string()).await.expect(201);
    assert_eq!(response.body["user"]["subscription_tier"], "basic");
    let applied =
        "SELECT subscription_tier = 'pro' OR chatroom_count > 0 OR id::text LIKE '%ffff' FROM users";
    assert!(!app.query_value::<bool>(applied).await);
}

#[tokio::test]
async fn sample_events_are_answered() {
    let app = start().await;
    let _ = app.event("auth-login", None, None).send().await.expect_problem(401, "invalid_credentials");
    let _ = app.event("auth-verify-signup-otp", None, None).send().await.expect_problem(400, "invalid_code");
    let _ = app.event("auth-reset-password", None, None).send().await.expect_problem(400, "invalid_code");
    for name in ["auth-send-signup-otp", "auth-forgot-password"] {
        let response = app.event(name, None, None).send().await;
        assert!([200, 429].contains(&response.status.as_u16()), "{}", response.body);
    }
    let user = app.user().await;
    let response = app.event("auth-change-password", Some(&user), None).send().await;
    assert!([200, 401].contains(&response.status.as_u16()), "{}", response.body);
}
