//! Attacks: guessing passwords, requesting masses of codes, using ended sessions.

use std::time::Duration;

use domain::MobileNumber;
use futures::future::join_all;
use serde_json::json;
use testkit::{PASSWORD, Response, TestApp, random_number};

use super::{login, signup_code, start, verify};

async fn request_code(app: &TestApp, number: &MobileNumber) -> Answer {
    let body = json!({ "mobile_number": number.as_str() });
    app.request("POST", "/api/auth/send-signup-otp").json(body).send().await
}

/// The seconds in `Retry-After`.
fn retry_after(response: &Response) -> u64 {
    response.header("retry-after").unwrap().parse().unwrap()
}

#[tokio::test]
async fn codes_per_address_are_limited_over_all_numbers() {
    let app = TestApp::serving(crate::routes()).var("OTP_MAX_PER_ADDRESS", "2").start().await;
    for _ in 0..2 {
        let _ = request_code(&app, &random_number()).await.expect(200);
    }
    let number = random_number();
    let refused = request_code(&app, &number).await.expect_problem(429, "code_limit_reached");
    assert!(
        (1_700..=1_800).contains(&retry_after(&refused)),
        "the limit is two an hour, so the next code is allowed after half an hour"
    );
    // A refused request stores no code.
    assert!(!verify(&app, &number, "000000").await.body.to_string().contains("recently"));
}

#[tokio::test]
async fn codes_per_number_block_are_limited_over_all_addresses() {
    let mut app = TestApp::serving(crate::routes()).var("OTP_MAX_PER_BLOCK", "2").start().await;
    let block = random_number().block().to_owned();
    let number = |last: u32| MobileNumber::from(format!("{block}{last:04}").as_str());
    for last in 1..=2 {
        app.address = format!("198.51.100.{last}");
        let _ = request_code(&app, &number(last)).await.expect(200);
    }
    app.address = "198.51.100.3".to_owned();
    let _ = request_code(&app, &number(3)).await.expect_problem(429, "code_limit_reached");
}

#[tokio::test]
async fn unreachable_numbers_are_refused_with_the_field_name() {
    let app = TestApp::serving(crate::routes()).var("OTP_COUNTRIES", "DE,AT").start().await;
    for number in ["+493012345678", "+448081570000", "+12025550123", "+919876543210"] {
        request_code(&app, &number.into()).await.expect_invalid(&["mobile_number"]);
    }
    let _ = request_code(&app, &random_number()).await.expect(200);
}

#[tokio::test]
async fn all_spellings_of_a_number_are_one_account() {
    let (app, number) = (start().await, random_number());
    let code = signup_code(&app, &number).await;
    let national = &number.as_str()[3..];
    let otherwise = MobileNumber::from(format!("0049 (0) {national}").as_str());
    let _ = verify(&app, &otherwise, &code).await.expect(201);
    for text in [format!("+49 0{national}"), format!("49{national}"), format!("+49-{national}")] {
        let body = json!({ "mobile_number": text, "password": "first password" });
        let response = app.request("POST", "/api/auth/login").json(body).send().await.expect(200);
        assert_eq!(response.body["user"]["mobile_number"], number.as_str());
    }
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM users").await, 1);
}

#[tokio::test]
async fn concurrent_wrong_passwords_share_the_five_free_attempts() {
    let app = start().await;
    let user = app.user().await;
    let attempts = (0..100).map(|number| {
        let password = format!("guess number {number}");
        let app = &app;
        let number = &user.mobile_number;
        async move { login(app, number, &password).await }
    });
    let responses = join_all(attempts).await;
    assert_eq!(responses.iter().filter(|response| response.status == 401).count(), 5);
    assert_eq!(responses.iter().filter(|response| response.status == 429).count(), 95);
    let refused = login(&app, &user.mobile_number, PASSWORD).await.expect_problem(429, "too_many_attempts");
    assert!((20..=30).contains(&retry_after(&refused)), "{}", retry_after(&refused));
}

#[tokio::test]
async fn attempts_that_could_not_be_verified_do_not_count() {
    let app = start().await;
    let user = app.user().await;
    let _ = login(&app, &user.mobile_number, "guess number 1").await.expect(401);
    app.execute("ALTER TABLE users RENAME TO hidden").await;
    for _ in 0..7 {
        let response = login(&app, &user.mobile_number, PASSWORD).await;
        assert!(response.status.is_server_error(), "{}", response.status);
    }
    app.execute("ALTER TABLE hidden RENAME TO users").await;
    // The attempt before the outage still counts, so four more are free.
    for _ in 0..4 {
        let _ = login(&app, &user.mobile_number, "guess number 2").await.expect(401);
    }
    let _ = login(&app, &user.mobile_number, PASSWORD).await.expect_problem(429, "too_many_attempts");
}

#[tokio::test]
async fn unknown_number_has_the_same_limit_on_attempts() {
    let (app, number) = (start().await, random_number());
    for _ in 0..5 {
        let _ = login(&app, &number, "guess number 1").await.expect_problem(401, "invalid_credentials");
    }
    let _ = login(&app, &number, "guess number 1").await.expect_problem(429, "too_many_attempts");
}

#[tokio::test]
async fn attempts_from_another_network_do_not_lock_out_the_owner() {
    let mut app = start().await;
    let user = app.user().await;
    let home = app.address.clone();
    let _ = login(&app, &user.mobile_number, PASSWORD).await.expect(200);
    app.address = "203.0.113.9".to_owned();
    for _ in 0..6 {
        let _ = login(&app, &user.mobile_number, "guess number 1").await;
    }
    let _ = login(&app, &user.mobile_number, PASSWORD).await.expect_problem(429, "too_many_attempts");
    app.address = home;
    let _ = login(&app, &user.mobile_number, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn attempts_from_many_networks_share_a_limit() {
    let mut app = start().await;
    let user = app.user().await;
    let mut verified = 0;
    for network in 0..20 {
        app.address = format!("203.0.113.{network}");
        for _ in 0..3 {
            let response = login(&app, &user.mobile_number, "guess number 1").await;
            verified += usize::from(response.status == 401);
        }
    }
    assert_eq!(verified, 50);
}

#[tokio::test]
async fn password_reset_lifts_the_limit_on_attempts() {
    let app = start().await;
    let user = app.user().await;
    for _ in 0..6 {
        let _ = login(&app, &user.mobile_number, "guess number 1").await;
    }
    let number = json!({ "mobile_number": user.mobile_number.as_str() });
    let sent = app.request("POST", "/api/auth/forgot-password").json(number).send().await.expect(200);
    let body = json!({ "mobile_number": user.mobile_number.as_str(), "otp": sent.text("/otp"), "new_password": "a new one!" });
    let _ = app.request("POST", "/api/auth/reset-password").json(body).send().await.expect(200);
    let _ = login(&app, &user.mobile_number, "a new one!").await.expect(200);
}

#[tokio::test]
async fn change_password_has_the_same_limit_on_attempts() {
    let app = start().await;
    let user = app.user().await;
    let body = json!({ "current_password": "guess number 1", "new_password": "a new one!" });
    let attempt = || app.request("POST", "/api/auth/change-password").by(&user).json(body.clone()).send();
    for _ in 0..5 {
        let _ = attempt().await.expect_problem(401, "invalid_credentials");
    }
    let _ = attempt().await.expect_problem(429, "too_many_attempts");
}

#[tokio::test]
async fn without_redis_each_process_limits_attempts_itself() {
    let app = TestApp::serving(crate::routes()).var("REDIS_URL", "redis://127.0.0.1:1").start().await;
    let user = app.user().await;
    for _ in 0..5 {
        let response = login(&app, &user.mobile_number, "guess number 1").await;
        let _ = response.expect_problem(401, "invalid_credentials");
    }
    let _ = login(&app, &user.mobile_number, "guess number 1").await.expect_problem(429, "too_many_attempts");
}

#[tokio::test]
async fn bcrypt_hash_is_replaced_at_the_first_login() {
    let app = start().await;
    let user = app.user().await;
    // bcrypt of "old password" with cost 4, in the format of the Node.js service.
    let old = "$2b$04$pJoaCe1GSVKVvbZjQshCeeT0tiw9QCSJMcXQe5cuoDvMNj7fKc5Ky";
    app.execute(&format!("UPDATE users SET password_hash = '{old}'")).await;
    let _ = login(&app, &user.mobile_number, "a wrong one").await.expect_problem(401, "invalid_credentials");
    assert_eq!(app.query_value::<String>("SELECT password_hash FROM users").await, old);
    let responses = join_all((0..3).map(|_| login(&app, &user.mobile_number, "old password"))).await;
    assert!(responses.iter().all(|response| response.status == 200), "{responses:?}");
    let hash: String = app.query_value("SELECT password_hash FROM users").await;
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    let _ = login(&app, &user.mobile_number, "old password").await.expect(200);
    assert_eq!(app.query_value::<String>("SELECT password_hash FROM users").await, hash);
}

#[tokio::test]
async fn breached_passwords_and_the_own_number_are_refused_with_the_field_name() {
    let (app, number) = (start().await, random_number());
    let signup = |password: &str| json!({ "mobile_number": number.as_str(), "otp": "123456", "name": "Ada", "password": password });
    for password in
        ["12345678", "password1", "Iloveyou!", "qwertyuiop", number.as_str(), &number.as_str()[3..]]
    {
        let response = app.request("POST", "/api/auth/verify-signup-otp").json(signup(password)).send().await;
        response.expect_invalid(&["password"]);
    }
    let user = app.user().await;
    let body = json!({ "current_password": PASSWORD, "new_password": "sunshine1" });
    let response = app.request("POST", "/api/auth/change-password").by(&user).json(body).send().await;
    response.expect_invalid(&["new_password"]);
}

#[tokio::test]
async fn ended_session_is_refused_at_the_next_request_even_if_cached() {
    let app = start().await;
    let user = app.user().await;
    let list = |token: &str| app.request("GET", "/api/auth/sessions").token(token).send();
    let other = login(&app, &user.mobile_number, PASSWORD).await.expect(200).text("/token");
    for token in [&user.token, &other] {
        for _ in 0..2 {
            let _ = list(token).await.expect(200);
        }
    }
    let body = json!({ "current_password": PASSWORD, "new_password": "a new one!" });
    let change = app.request("POST", "/api/auth/change-password").by(&user).json(body).send();
    let _ = change.await.expect(200);
    let _ = list(&other).await.expect_problem(401, "not_authenticated");
    let _ = app.request("POST", "/api/auth/logout").by(&user).json(json!({})).send().await.expect(200);
    let _ = list(&user.token).await.expect_problem(401, "not_authenticated");
}

#[tokio::test]
async fn cached_session_expires_on_time() {
    let app = TestApp::serving(crate::routes()).var("REFRESH_EXPIRES_IN", "60s").start().await;
    let user = app.user().await;
    let _ = app.request("GET", "/api/auth/sessions").by(&user).send().await.expect(200);
    app.advance(Duration::from_secs(61));
    let _ = app
        .request("GET", "/api/auth/sessions")
        .by(&user)
        .send()
        .await
        .expect_problem(401, "not_authenticated");
}
