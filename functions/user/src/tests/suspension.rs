//! Accounts that an operator has suspended.

use std::time::Duration;

use domain::UserId;
use serde_json::{Value, json};
use testkit::{PASSWORD, Response, TestApp, TestUser};

/// An application with all routes that suspension concerns, and an operator.
pub(super) async fn start() -> (TestApp, TestUser) {
    let routes = crate::routes().merge(auth::routes()).merge(chatroom::routes());
    let app = TestApp::serving(routes).start().await;
    let operator = app.user().await;
    app.make_admin(&operator).await;
    (app, operator)
}

/// Suspends or restores an account.
pub(super) async fn act(app: &TestApp, operator: &TestUser, user: UserId, action: &str) -> Response {
    let request = app.request("POST", &format!("/api/user/{user}/{action}")).by(operator);
    request.json(json!({})).send().await
}

async fn suspend(app: &TestApp, operator: &TestUser, user: &TestUser) {
    let _ = act(app, operator, user.id, "suspend").await.expect(200);
}

async fn post(app: &TestApp, path: &str, body: Value) -> Response {
    app.request("POST", &format!("/api/auth/{path}")).json(body).send().await
}

async fn login(app: &TestApp, user: &TestUser, password: &str) -> Response {
    let number = user.mobile_number.as_str();
    post(app, "login", json!({ "mobile_number": number, "password": password })).await
}

async fn code(app: &TestApp, path: &str, number: &str) -> String {
    post(app, path, json!({ "mobile_number": number })).await.expect(200).text("/otp")
}

async fn me(app: &TestApp, user: &TestUser) -> Response {
    app.request("GET", "/api/user/me").by(user).send().await
}

#[tokio::test]
async fn cached_session_is_refused_from_the_next_request_on_until_the_restoration() {
    let (app, operator) = start().await;
    let (user, other) = (app.user().await, app.user().await);
    let room = app.create_chatroom(&user).await;
    let _ = me(&app, &user).await.expect(200);
    suspend(&app, &operator, &user).await;
    let message = format!("/api/chatroom/{room}/message");
    for (method, path) in [
        ("GET", "/api/user/me"),
        ("GET", "/api/chatroom"),
        ("GET", "/api/auth/sessions"),
        ("POST", "/api/chatroom"),
        ("POST", &message),
    ] {
        for _ in 0..2 {
            let request = app.request(method, path).by(&user).json(json!({ "content": "a", "name": "ab" }));
            let _ = request.send().await.expect_problem(403, "account_suspended");
        }
        let request = app.request(method, path).by(&user).json(json!({ "content": "a", "name": "ab" }));
        let keyed = request.header("idempotency-key", "a-key").send().await;
        let _ = keyed.expect_problem(403, "account_suspended");
    }
    let _ = me(&app, &other).await.expect(200);
    let _ = act(&app, &operator, user.id, "restore").await.expect(200);
    let _ = me(&app, &user).await.expect(200);
}

#[tokio::test]
async fn suspended_session_is_refused_without_a_query_and_from_the_limit_of_its_network() {
    let routes = crate::routes().merge(auth::routes());
    let app = TestApp::serving(routes).var("RATE_LIMIT_MAX_REQUESTS", "4").start().await;
    let (operator, user) = (app.user().await, app.user().await);
    app.make_admin(&operator).await;
    // A reader caches it; Postgres would accept the session of the second request.
    let set = async |value: &str| {
        app.execute(&format!("UPDATE users SET suspended_at = {value} WHERE id = '{}'", user.id)).await;
    };
    set("now()").await;
    let _ = me(&app, &user).await.expect_problem(403, "account_suspended");
    set("NULL").await;
    let _ = me(&app, &user).await.expect_problem(403, "account_suspended");
    let _ = act(&app, &operator, user.id, "restore").await.expect(200);
    let _ = me(&app, &user).await.expect(200);
    // The suspension itself caches it too.
    suspend(&app, &operator, &user).await;
    set("NULL").await;
    for _ in 0..2 {
        let _ = me(&app, &user).await.expect_problem(403, "account_suspended");
    }
    let _ = me(&app, &user).await.expect_problem(429, "rate_limited");
}

/// A request that read the session before the suspension must not cache it as active after it.
#[tokio::test]
async fn request_that_read_the_session_before_does_not_cache_it() {
    use clients::redis::sessions::CachedSession;
    let (app, operator) = start().await;
    let user = app.user().await;
    suspend(&app, &operator, &user).await;
    let now = app.app.clock.now();
    let session = app.app.tokens().unwrap().verify(&user.token, now).unwrap().sid;
    let expires_at = now + Duration::from_hours(1);
    let cached = CachedSession { user: user.id, tier: domain::Tier::Basic, expires_at };
    let limiter = &app.app.rate_limiter;
    limiter.cache_session_and_consume(session, &cached, Duration::ZERO, &[]).await;
    let _ = me(&app, &user).await.expect_problem(403, "account_suspended");
}

#[tokio::test]
async fn sign_in_tells_of_the_suspension_only_after_the_right_password() {
    let (app, operator) = start().await;
    let user = app.user().await;
    suspend(&app, &operator, &user).await;
    let _ = login(&app, &user, "a wrong password").await.expect_problem(401, "invalid_credentials");
    for _ in 0..8 {
        let _ = login(&app, &user, PASSWORD).await.expect_problem(403, "account_suspended");
    }
    let sessions = format!("SELECT count(*) FROM sessions WHERE user_id = '{}'", user.id);
    assert_eq!(app.query_value::<i64>(&sessions).await, 1);
    let _ = act(&app, &operator, user.id, "restore").await.expect(200);
    let _ = login(&app, &user, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn refresh_is_refused_and_the_token_stays_valid_for_the_restoration() {
    let (app, operator) = start().await;
    let user = app.user().await;
    let token = login(&app, &user, PASSWORD).await.expect(200).text("/refresh_token");
    let refresh = async |token: &str| post(&app, "refresh", json!({ "refresh_token": token })).await;
    suspend(&app, &operator, &user).await;
    for _ in 0..2 {
        let _ = refresh(&token).await.expect_problem(403, "account_suspended");
    }
    let _ = act(&app, &operator, user.id, "restore").await.expect(200);
    let next = refresh(&token).await.expect(200).text("/refresh_token");
    suspend(&app, &operator, &user).await;
    // Within the reuse interval, and after it: then it was stolen.
    let _ = refresh(&token).await.expect_problem(403, "account_suspended");
    app.advance(Duration::from_secs(11));
    let _ = refresh(&token).await.expect_problem(401, "invalid_refresh_token");
    let _ = refresh(&next).await.expect_problem(401, "invalid_refresh_token");
}

#[tokio::test]
async fn codes_reveal_the_suspension_only_to_the_owner_of_the_number() {
    let (app, operator) = start().await;
    let user = app.user().await;
    suspend(&app, &operator, &user).await;
    let number = user.mobile_number.as_str();
    let otp = code(&app, "forgot-password", number).await;
    let reset = async |otp: &str| {
        let body = json!({ "mobile_number": number, "otp": otp, "new_password": "a third one!" });
        post(&app, "reset-password", body).await
    };
    let wrong = format!("{:06}", (otp.parse::<u32>().unwrap() + 1) % 1_000_000);
    let _ = reset(&wrong).await.expect_problem(400, "invalid_code");
    let _ = reset(&otp).await.expect_problem(403, "account_suspended");
    let _ = act(&app, &operator, user.id, "restore").await.expect(200);
    let _ = login(&app, &user, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn text_message_to_a_suspended_account_has_no_code() {
    let routes = crate::routes().merge(auth::routes());
    let app = TestApp::serving(routes).var("OTP_DELIVERY", "sns").start().await;
    let operator = app.user().await;
    app.make_admin(&operator).await;
    let user = app.user().await;
    suspend(&app, &operator, &user).await;
    let body = json!({ "mobile_number": user.mobile_number.as_str() });
    let _ = post(&app, "forgot-password", body).await.expect(200);
    let texts = app.sms.texts_to(&user.mobile_number);
    assert!(texts.len() == 1 && texts[0].contains("is suspended"), "{texts:?}");
    assert!(!texts[0].chars().any(|letter| letter.is_ascii_digit()), "{texts:?}");
}

#[tokio::test]
async fn person_can_still_export_delete_and_sign_out() {
    let (app, operator) = start().await;
    let (user, other) = (app.user().await, app.user().await);
    for user in [&user, &other] {
        suspend(&app, &operator, user).await;
    }
    let export = app.request("GET", "/api/user/export").by(&user).send().await.expect(200);
    assert!(export.body.as_str().unwrap().contains(user.mobile_number.as_str()));
    let _ = app.request("POST", "/api/auth/logout").by(&other).json(json!({})).send().await.expect(200);
    let _ = me(&app, &other).await.expect_problem(401, "not_authenticated");
    let deletion = app.request("DELETE", "/api/user/me").by(&user);
    let _ = deletion.json(json!({ "password": PASSWORD })).send().await.expect(200);
}

#[tokio::test]
async fn number_of_a_deleted_suspended_account_cannot_sign_up_until_it_is_restored() {
    let (app, operator) = start().await;
    let user = app.user().await;
    suspend(&app, &operator, &user).await;
    let deletion = app.request("DELETE", "/api/user/me").by(&user);
    let _ = deletion.json(json!({ "password": PASSWORD })).send().await.expect(200);
    let number = user.mobile_number.as_str();
    let sign_up = async || {
        let otp = code(&app, "send-signup-otp", number).await;
        let body =
            json!({ "mobile_number": number, "otp": otp, "name": "Ada", "password": "first password" });
        post(&app, "verify-signup-otp", body).await
    };
    let _ = sign_up().await.expect_problem(403, "account_suspended");
    let _ = act(&app, &operator, user.id, "restore").await.expect(200);
    app.advance(Duration::from_mins(2));
    let _ = sign_up().await.expect(201);
}

#[tokio::test]
async fn suspension_can_end_the_sessions_too() {
    let (app, operator) = start().await;
    let user = app.user().await;
    let _ = me(&app, &user).await.expect(200);
    let request = app.request("POST", &format!("/api/user/{}/suspend", user.id)).by(&operator);
    let _ = request.json(json!({ "end_sessions": true })).send().await.expect(200);
    let export = app.request("GET", "/api/user/export").by(&user).send().await;
    let _ = export.expect_problem(401, "not_authenticated");
    let sessions = format!("SELECT count(*) FROM sessions WHERE user_id = '{}'", user.id);
    assert_eq!(app.query_value::<i64>(&sessions).await, 0);
}

#[tokio::test]
async fn unfinished_messages_are_cancelled_and_refunded_unless_a_call_is_under_way() {
    let (app, operator) = start().await;
    let (user, other) = (app.user().await, app.user().await);
    for user in [&user, &other] {
        let room = app.create_chatroom(user).await;
        app.send_message(user, &room, "one").await;
        app.send_message(user, &room, "two").await;
        let called = format!(
            "UPDATE messages SET processing_status = 'processing', lease_owner = gen_random_uuid(),
                lease_until = now() + interval '1 minute'
             WHERE user_id = '{}' AND content = 'one'",
            user.id
        );
        app.execute(&called).await;
    }
    let suspended = act(&app, &operator, user.id, "suspend").await.expect(200);
    assert_eq!(suspended.body["cancelled_messages"], 2);
    let of = |user: &TestUser| {
        format!(
            "SELECT string_agg(DISTINCT processing_status, ' ') || ' ' || (SELECT concat_ws(' ', messages, refunds)
                FROM daily_usage WHERE user_id = '{0}') FROM messages WHERE user_id = '{0}'",
            user.id
        )
    };
    assert_eq!(app.query_value::<String>(&of(&user)).await, "cancelled 1 1");
    assert_eq!(app.query_value::<String>(&of(&other)).await, "pending processing 2 0");
}

#[tokio::test]
async fn refunds_of_a_suspension_stay_within_the_days_limit() {
    let (app, operator) = start().await;
    let user = app.user().await;
    let room = app.create_chatroom(&user).await;
    for text in ["one", "two", "three"] {
        app.send_message(&user, &room, text).await;
    }
    app.execute("UPDATE daily_usage SET refunds = refund_limit - 1").await;
    suspend(&app, &operator, &user).await;
    let usage = "SELECT concat_ws(' ', messages, refunds - refund_limit) FROM daily_usage";
    assert_eq!(app.query_value::<String>(usage).await, "2 0");
}

/// A message whose sender was authenticated just before the suspension.
#[tokio::test]
async fn message_that_passed_authentication_is_not_stored() {
    use domain::MessageId;
    use store::messages::sending::{NewMessage, Place, SendOutcome, insert_message};
    let (app, operator) = start().await;
    let user = app.user().await;
    let room = app.create_chatroom(&user).await;
    suspend(&app, &operator, &user).await;
    let now = app.app.clock.now();
    let message = NewMessage {
        id: MessageId::new(now),
        chatroom_id: room.parse().unwrap(),
        content: "late",
        day: now.date_naive(),
        created_at: now,
        place: Place::End,
        origin: None,
    };
    let db = app.app.db().await.unwrap();
    let limits = app.app.config.daily_limits;
    let outcome = insert_message(&db, user.id, message, limits).await.unwrap();
    assert_eq!(outcome, SendOutcome::ChatroomNotFound);
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM messages").await, 0);
}
