//! Repeated requests under an `Idempotency-Key`: sign-up, password reset and refresh.

use std::time::Duration;

use domain::MobileNumber;
use domain::fingerprint::keyed_fingerprint;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use testkit::{PASSWORD, Response, TestApp, random_number};

use super::{login, signup_code, start};

const KEY: &str = "0b8f2f6c-6b0e-4a0e-9d1f-0a7c5a3b1f11";

async fn send(app: &TestApp, route: &str, body: &Value, key: &str) -> Response {
    let request = app.request("POST", &format!("/api/auth/{route}")).json(body.clone());
    request.header("idempotency-key", key).send().await
}

/// The body of a sign-up.
fn account(number: &MobileNumber, code: &str) -> Value {
    json!({ "mobile_number": number.as_str(), "otp": code, "name": "Ada", "password": "first password" })
}

/// Requests a code, and returns the body of a reset with it.
async fn reset(app: &TestApp, number: &MobileNumber) -> Value {
    let body = json!({ "mobile_number": number.as_str() });
    let sent = app.request("POST", "/api/auth/forgot-password").json(body).send().await.expect(200);
    json!({ "mobile_number": number.as_str(), "otp": sent.text("/otp"), "new_password": "a new one!" })
}

/// Changes the record as if the function was killed before it completed it, and lets its lease expire.
async fn interrupt(app: &TestApp, route: &str, subject: &str) {
    let secret = app.app.config.jwt_secret.expose_secret().as_bytes();
    let path = format!("/api/auth/{route}");
    app.interrupt_operation(&keyed_fingerprint(secret, &["public operation", &path, subject, KEY])).await;
    app.advance(Duration::from_secs(36));
}

async fn session_of(app: &TestApp, response: &Response) -> String {
    let sessions = app.request("GET", "/api/auth/sessions").token(&response.text("/token")).send().await;
    let sessions = sessions.expect(200);
    let all = sessions.body["sessions"].as_array().unwrap();
    all.iter().find(|session| session["current"] == true).unwrap()["id"].to_string()
}

async fn refresh(app: &TestApp, token: &str) -> Response {
    app.request("POST", "/api/auth/refresh").json(json!({ "refresh_token": token })).send().await
}

#[tokio::test]
async fn repeated_sign_up_gets_the_account_and_its_session() {
    let (app, number) = (start().await, random_number());
    let body = account(&number, &signup_code(&app, &number).await);
    let first = send(&app, "verify-signup-otp", &body, KEY).await.expect(201);
    assert!(first.header("idempotency-replayed").is_none());
    app.advance(Duration::from_mins(10));
    let repeated = send(&app, "verify-signup-otp", &body, KEY).await.expect(201);
    assert_eq!(repeated.header("idempotency-replayed"), Some("true"));
    assert_eq!(repeated.body["user"], first.body["user"]);
    assert_eq!(repeated.text("/refresh_token"), first.text("/refresh_token"));
    assert_eq!(session_of(&app, &repeated).await, session_of(&app, &first).await);
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM sessions").await, 1);
    let _ = refresh(&app, &repeated.text("/refresh_token")).await.expect(200);
}

#[tokio::test]
async fn repeated_sign_up_after_a_refresh_gets_the_current_tokens() {
    let (app, number) = (start().await, random_number());
    let body = account(&number, &signup_code(&app, &number).await);
    let first = send(&app, "verify-signup-otp", &body, KEY).await.expect(201);
    let renewed = refresh(&app, &first.text("/refresh_token")).await.expect(200);
    app.advance(Duration::from_mins(10));
    let repeated = send(&app, "verify-signup-otp", &body, KEY).await.expect(201);
    assert_eq!(repeated.text("/refresh_token"), renewed.text("/refresh_token"));
}

#[tokio::test]
async fn sign_up_killed_after_the_commit_is_completed() {
    let (app, number) = (start().await, random_number());
    let body = account(&number, &signup_code(&app, &number).await);
    let lost = send(&app, "verify-signup-otp", &body, KEY).await.expect(201);
    interrupt(&app, "verify-signup-otp", number.as_str()).await;
    let repeated = send(&app, "verify-signup-otp", &body, KEY).await.expect(201);
    assert_eq!(repeated.body["user"], lost.body["user"]);
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM users").await, 1);
    let again = send(&app, "verify-signup-otp", &body, KEY).await.expect(201);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
}

#[tokio::test]
async fn sign_up_killed_after_its_code_was_redeemed_is_completed() {
    let (app, number) = (start().await, random_number());
    let body = account(&number, &signup_code(&app, &number).await);
    let _ = send(&app, "verify-signup-otp", &body, KEY).await.expect(201);
    app.execute("DELETE FROM users").await;
    interrupt(&app, "verify-signup-otp", number.as_str()).await;
    let _ = send(&app, "verify-signup-otp", &body, "another-key").await.expect_problem(400, "invalid_code");
    let _ = send(&app, "verify-signup-otp", &body, KEY).await.expect(201);
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM users").await, 1);
}

#[tokio::test]
async fn sign_up_is_refused_when_another_took_the_number_meanwhile() {
    let (app, number) = (start().await, random_number());
    let body = account(&number, &signup_code(&app, &number).await);
    let _ = send(&app, "verify-signup-otp", &body, KEY).await.expect(201);
    app.execute("DELETE FROM users").await;
    interrupt(&app, "verify-signup-otp", number.as_str()).await;
    let other = account(&number, &signup_code(&app, &number).await);
    let other = send(&app, "verify-signup-otp", &other, "another-key").await.expect(201);
    let _ = send(&app, "verify-signup-otp", &body, KEY).await.expect_problem(400, "invalid_code");
    assert_eq!(app.query_value::<String>("SELECT id::text FROM users").await, other.text("/user/id"));
}

#[tokio::test]
async fn repeated_sign_up_whose_session_has_ended_gets_no_token() {
    let (app, number) = (start().await, random_number());
    let body = account(&number, &signup_code(&app, &number).await);
    let first = send(&app, "verify-signup-otp", &body, KEY).await.expect(201);
    let logout = app.request("POST", "/api/auth/logout").token(&first.text("/token")).json(json!({}));
    let _ = logout.send().await.expect(200);
    let refused = send(&app, "verify-signup-otp", &body, KEY).await.expect_problem(401, "session_ended");
    assert!(refused.body.get("token").is_none());
}

#[tokio::test]
async fn repeated_sign_up_after_a_change_of_the_password_gets_no_token() {
    let (app, number) = (start().await, random_number());
    let body = account(&number, &signup_code(&app, &number).await);
    let first = send(&app, "verify-signup-otp", &body, KEY).await.expect(201);
    let change = json!({ "current_password": "first password", "new_password": "a new one!" });
    let change = app.request("POST", "/api/auth/change-password").token(&first.text("/token")).json(change);
    let _ = change.send().await.expect(200);
    let refused = send(&app, "verify-signup-otp", &body, KEY).await.expect_problem(401, "session_ended");
    assert!(refused.body.get("token").is_none());
}

#[tokio::test]
async fn another_body_under_the_key_of_a_sign_up_is_refused() {
    let (app, number) = (start().await, random_number());
    let body = account(&number, &signup_code(&app, &number).await);
    let _ = send(&app, "verify-signup-otp", &body, KEY).await.expect(201);
    let mut other = body.clone();
    other["password"] = "another password".into();
    let refused = send(&app, "verify-signup-otp", &other, KEY).await;
    let _ = refused.expect_problem(422, "idempotency_key_reused");
    // A key belongs to its number.
    let another = random_number();
    let code = signup_code(&app, &another).await;
    let _ = send(&app, "verify-signup-otp", &account(&another, &code), KEY).await.expect(201);
}

#[tokio::test]
async fn refused_sign_up_frees_its_key() {
    let (app, number) = (start().await, random_number());
    let code = signup_code(&app, &number).await;
    let wrong = account(&number, &super::wrong(&code));
    let _ = send(&app, "verify-signup-otp", &wrong, KEY).await.expect_problem(400, "invalid_code");
    let _ = send(&app, "verify-signup-otp", &account(&number, &code), KEY).await.expect(201);
}

#[tokio::test]
async fn sign_up_in_progress_is_not_executed_twice() {
    let (app, number) = (start().await, random_number());
    let body = account(&number, &signup_code(&app, &number).await);
    let sent = (0..5).map(|_| send(&app, "verify-signup-otp", &body, KEY));
    let responses = futures::future::join_all(sent).await;
    assert!(responses.iter().all(|response| [201, 409].contains(&response.status.as_u16())));
    assert!(responses.iter().any(|response| response.status == 201));
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM users").await, 1);
}

#[tokio::test]
async fn repeated_reset_changes_the_password_once() {
    let app = start().await;
    let user = app.user().await;
    let body = reset(&app, &user.mobile_number).await;
    let _ = send(&app, "reset-password", &body, KEY).await.expect(200);
    let session = login(&app, &user.mobile_number, "a new one!").await.expect(200);
    let repeated = send(&app, "reset-password", &body, KEY).await.expect(200);
    assert_eq!(repeated.header("idempotency-replayed"), Some("true"));
    let _ = refresh(&app, &session.text("/refresh_token")).await.expect(200);
    let _ = send(&app, "reset-password", &body, "another-key").await.expect_problem(400, "invalid_code");
}

#[tokio::test]
async fn reset_killed_after_the_commit_is_completed() {
    let app = start().await;
    let user = app.user().await;
    let body = reset(&app, &user.mobile_number).await;
    let _ = send(&app, "reset-password", &body, KEY).await.expect(200);
    interrupt(&app, "reset-password", user.mobile_number.as_str()).await;
    let _ = send(&app, "reset-password", &body, KEY).await.expect(200);
    let _ = login(&app, &user.mobile_number, "a new one!").await.expect(200);
}

#[tokio::test]
async fn interrupted_reset_does_not_undo_a_later_change() {
    let app = start().await;
    let user = app.user().await;
    let body = reset(&app, &user.mobile_number).await;
    let _ = send(&app, "reset-password", &body, KEY).await.expect(200);
    interrupt(&app, "reset-password", user.mobile_number.as_str()).await;
    let signed_in = login(&app, &user.mobile_number, "a new one!").await.expect(200);
    let change = json!({ "current_password": "a new one!", "new_password": "an even newer one" });
    let change =
        app.request("POST", "/api/auth/change-password").token(&signed_in.text("/token")).json(change);
    let _ = change.send().await.expect(200);
    let _ = send(&app, "reset-password", &body, KEY).await.expect_problem(400, "invalid_code");
    let _ = login(&app, &user.mobile_number, "an even newer one").await.expect(200);
}

#[tokio::test]
async fn repeated_refresh_gets_its_successor_for_a_minute() {
    let app = start().await;
    let user = app.user().await;
    let old = login(&app, &user.mobile_number, PASSWORD).await.expect(200);
    let body = json!({ "refresh_token": old.text("/refresh_token") });
    let lost = send(&app, "refresh", &body, KEY).await.expect(200);
    app.advance(Duration::from_secs(59));
    let repeated = send(&app, "refresh", &body, KEY).await.expect(200);
    assert_eq!(repeated.header("idempotency-replayed"), Some("true"));
    assert_eq!(repeated.text("/refresh_token"), lost.text("/refresh_token"));
    assert_eq!(session_of(&app, &repeated).await, session_of(&app, &old).await);
    app.advance(Duration::from_secs(1));
    let _ = send(&app, "refresh", &body, KEY).await.expect_problem(401, "invalid_refresh_token");
    let _ = refresh(&app, &lost.text("/refresh_token")).await.expect_problem(401, "invalid_refresh_token");
}

#[tokio::test]
async fn refresh_killed_after_the_commit_is_completed() {
    let app = start().await;
    let user = app.user().await;
    let old = login(&app, &user.mobile_number, PASSWORD).await.expect(200).text("/refresh_token");
    let body = json!({ "refresh_token": old });
    let lost = send(&app, "refresh", &body, KEY).await.expect(200);
    let keys = [app.app.config.jwt_secret.expose_secret().as_bytes()];
    let session = domain::refresh_token::RefreshToken::parse(&old, &keys).unwrap().0;
    interrupt(&app, "refresh", &session.to_string()).await;
    let taken_over = send(&app, "refresh", &body, KEY).await.expect(200);
    assert_eq!(taken_over.text("/refresh_token"), lost.text("/refresh_token"));
}

#[tokio::test]
async fn repeated_refresh_whose_successor_was_used_ends_the_session() {
    let app = start().await;
    let user = app.user().await;
    let old = login(&app, &user.mobile_number, PASSWORD).await.expect(200).text("/refresh_token");
    let body = json!({ "refresh_token": old });
    let first = send(&app, "refresh", &body, KEY).await.expect(200);
    let second = refresh(&app, &first.text("/refresh_token")).await.expect(200);
    let _ = send(&app, "refresh", &body, KEY).await.expect_problem(401, "invalid_refresh_token");
    let _ = refresh(&app, &second.text("/refresh_token")).await.expect_problem(401, "invalid_refresh_token");
}

#[tokio::test]
async fn another_key_does_not_extend_the_reuse_interval() {
    let app = start().await;
    let user = app.user().await;
    let old = login(&app, &user.mobile_number, PASSWORD).await.expect(200).text("/refresh_token");
    let body = json!({ "refresh_token": old });
    let first = send(&app, "refresh", &body, KEY).await.expect(200);
    app.advance(Duration::from_secs(30));
    let stolen = send(&app, "refresh", &body, "another-key").await;
    let _ = stolen.expect_problem(401, "invalid_refresh_token");
    let _ = refresh(&app, &first.text("/refresh_token")).await.expect_problem(401, "invalid_refresh_token");
}

#[tokio::test]
async fn refresh_of_a_user_over_their_limit_writes_no_record() {
    let app = TestApp::serving(crate::routes()).var("RATE_LIMIT_USER_MAX_REQUESTS", "1").start().await;
    let number = random_number();
    let body = account(&number, &signup_code(&app, &number).await);
    let session = send(&app, "verify-signup-otp", &body, KEY).await.expect(201);
    let refresh = async |key: &str| {
        let body = json!({ "refresh_token": session.text("/refresh_token") });
        let request = app.request("POST", "/api/auth/refresh").token(&session.text("/token")).json(body);
        request.header("idempotency-key", key).send().await
    };
    let _ = refresh("one").await.expect(200);
    let claims = app.idempotency.claims();
    let _ = refresh("two").await.expect_problem(429, "rate_limited");
    assert_eq!(app.idempotency.claims(), claims);
}

#[tokio::test]
async fn requests_over_the_limit_of_their_network_cost_no_write_and_repetitions_no_request() {
    let app = TestApp::serving(crate::routes()).var("RATE_LIMIT_MAX_REQUESTS", "3").start().await;
    let number = random_number();
    let body = account(&number, &signup_code(&app, &number).await);
    let _ = send(&app, "verify-signup-otp", &body, KEY).await.expect(201);
    for _ in 0..5 {
        let _ = send(&app, "verify-signup-otp", &body, KEY).await.expect(201);
    }
    let other = account(&random_number(), "123456");
    let _ = send(&app, "verify-signup-otp", &other, KEY).await.expect_problem(400, "invalid_code");
    let claims = app.idempotency.claims();
    for _ in 0..5 {
        let _ = send(&app, "verify-signup-otp", &other, KEY).await.expect_problem(429, "rate_limited");
    }
    assert_eq!(app.idempotency.claims(), claims);
    let _ = send(&app, "verify-signup-otp", &body, KEY).await.expect(201);
}
