//! Sign-up and password reset with one-time codes.

use std::time::Duration;

use clients::redis::one_time_codes::{ANY_NETWORK, StoreCodeOutcome};
use domain::MobileNumber;
use domain::otp::{Otp, Purpose};
use insta::assert_json_snapshot;
use secrecy::ExposeSecret as _;
use serde_json::json;
use testkit::{PASSWORD, TestApp, random_number};

use super::{login, signup_code, start, verify, wrong};

#[tokio::test]
async fn code_creates_one_account() {
    let (app, number) = (start().await, random_number());
    let code = signup_code(&app, &number).await;

    let response = verify(&app, &number, &code).await.expect(201);
    assert_eq!(response.body["user"]["mobile_number"], number.as_str());
    assert_eq!(response.text("/refresh_token").len(), 107);
    assert_json_snapshot!(response.body, {
        ".token" => "[token]", ".refresh_token" => "[token]", ".user.id" => "[id]", ".user.mobile_number" => "[number]"
    }, @r#"
    {
      "expires_in": 604800,
      "message": "Account created",
      "refresh_token": "[token]",
      "success": true,
      "token": "[token]",
      "user": {
        "id": "[id]",
        "mobile_number": "[number]",
        "name": "Ada",
        "subscription_tier": "basic"
      }
    }
    "#);
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM users").await, 1);
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM sessions").await, 1);

    let _ = verify(&app, &number, &code).await.expect_problem(400, "invalid_code");
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM users").await, 1);
}

#[tokio::test]
async fn password_and_refresh_token_are_stored_as_hashes() {
    let (app, number) = (start().await, random_number());
    let code = signup_code(&app, &number).await;
    let refresh_token = verify(&app, &number, &code).await.expect(201).text("/refresh_token");

    let hash: String = app.query_value("SELECT password_hash FROM users").await;
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    let hashed = format!("SELECT refresh_token_hash = sha256('{refresh_token}'::bytea) FROM sessions");
    assert!(app.query_value::<bool>(&hashed).await);
}

#[tokio::test]
async fn correct_code_is_refused_after_five_wrong_attempts() {
    let (app, number) = (start().await, random_number());
    let code = signup_code(&app, &number).await;
    for _ in 0..5 {
        let _ = verify(&app, &number, &wrong(&code)).await.expect_problem(400, "invalid_code");
    }
    let _ = verify(&app, &number, &code).await.expect_problem(400, "invalid_code");
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM users").await, 0);
}

#[tokio::test]
async fn wrong_attempts_of_a_stranger_leave_the_owners() {
    let (mut app, number) = (start().await, random_number());
    let code = signup_code(&app, &number).await;
    let home = std::mem::replace(&mut app.address, "203.0.113.9".to_owned());
    for _ in 0..20 {
        let _ = verify(&app, &number, &wrong(&code)).await.expect_problem(400, "invalid_code");
    }
    let _ = verify(&app, &number, &code).await.expect_problem(400, "invalid_code");
    app.address = home;
    let _ = verify(&app, &number, &code).await.expect(201);
}

/// Sends `count` wrong codes, up to five from each network.
async fn guess(app: &mut TestApp, number: &MobileNumber, code: &str, count: usize) {
    for attempt in 0..count {
        app.address = format!("203.0.113.{}", attempt / 5);
        let _ = verify(app, number, &wrong(code)).await.expect_problem(400, "invalid_code");
    }
}

#[tokio::test]
async fn strangers_leave_attempts_to_the_network_that_requested_the_code() {
    let (mut app, number) = (start().await, random_number());
    let code = signup_code(&app, &number).await;
    let home = app.address.clone();
    guess(&mut app, &number, &code, 60).await;
    app.address = "198.51.100.1".to_owned();
    let _ = verify(&app, &number, &code).await.expect_problem(400, "invalid_code");
    app.address = home;
    for _ in 0..4 {
        let _ = verify(&app, &number, &wrong(&code)).await.expect_problem(400, "invalid_code");
    }
    let _ = verify(&app, &number, &code).await.expect(201);
}

#[tokio::test]
async fn fortieth_attempt_from_unknown_networks_is_the_last() {
    for (attempts, status) in [(39, 201), (40, 400)] {
        let (mut app, number) = (start().await, random_number());
        let code = signup_code(&app, &number).await;
        guess(&mut app, &number, &code, attempts).await;
        app.address = "198.51.100.1".to_owned();
        let _ = verify(&app, &number, &code).await.expect(status);
    }
}

#[tokio::test]
async fn strangers_have_a_hundred_attempts_a_day_at_the_codes_of_a_number() {
    for (last, status) in [(19, 201), (20, 400)] {
        let (mut app, number) = (start().await, random_number());
        let home = app.address.clone();
        let mut code = String::new();
        for attempts in [40, 40, last] {
            app.address.clone_from(&home);
            app.app.redis.delete_code(Purpose::SignUp, &number, &[]).await.unwrap();
            code = signup_code(&app, &number).await;
            guess(&mut app, &number, &code, attempts).await;
        }
        app.address = "198.51.100.1".to_owned();
        let _ = verify(&app, &number, &code).await.expect(status);
        if status == 400 {
            app.address = home;
            let _ = verify(&app, &number, &code).await.expect(201);
        }
    }
}

#[tokio::test]
async fn code_for_any_network_is_redeemed_after_strangers_have_used_up_their_attempts() {
    let (mut app, number) = (start().await, random_number());
    let home = app.address.clone();
    for attempts in [40, 40, 20] {
        app.address.clone_from(&home);
        app.app.redis.delete_code(Purpose::SignUp, &number, &[]).await.unwrap();
        let code = signup_code(&app, &number).await;
        guess(&mut app, &number, &code, attempts).await;
    }
    app.app.redis.delete_code(Purpose::SignUp, &number, &[]).await.unwrap();
    let (code, secret, now) = ("271828", app.app.config.jwt_secret.expose_secret(), app.app.clock.now());
    let hash = Otp::from(code).keyed_hash(secret.as_bytes(), Purpose::SignUp, &number);
    let stored = app.app.redis.store_code(Purpose::SignUp, &number, &hash, ANY_NETWORK, &[], now).await;
    assert_eq!(stored.unwrap(), StoreCodeOutcome::Stored);
    app.address = "198.51.100.1".to_owned();
    let _ = verify(&app, &number, code).await.expect(201);
}

#[tokio::test]
async fn strangers_leave_attempts_to_known_networks() {
    let mut app = start().await;
    let number = app.user().await.mobile_number;
    let homes = ["198.51.100.7", "198.51.100.8", "198.51.100.9"];
    for home in homes {
        app.address = home.to_owned();
        let _ = login(&app, &number, PASSWORD).await.expect(200);
    }
    app.address = "203.0.113.1".to_owned();
    let body = json!({ "mobile_number": number.as_str() });
    let sent = app.request("POST", "/api/auth/forgot-password").json(body).send().await.expect(200);
    let code = sent.text("/otp");
    let reset = async |app: &mut TestApp, home: &str, otp: &str, status: u16| {
        app.address = home.to_owned();
        let body = json!({ "mobile_number": number.as_str(), "otp": otp, "new_password": "a new one!" });
        let _ = app.request("POST", "/api/auth/reset-password").json(body).send().await.expect(status);
    };
    for attempt in 0..60 {
        reset(&mut app, &format!("203.0.113.{}", attempt / 5), &wrong(&code), 400).await;
    }
    // All forty attempts of unknown networks are used up, and ten are left.
    for _ in 0..5 {
        reset(&mut app, homes[0], &wrong(&code), 400).await;
    }
    for _ in 0..4 {
        reset(&mut app, homes[1], &wrong(&code), 400).await;
    }
    reset(&mut app, homes[2], &code, 200).await;
}

#[tokio::test]
async fn correct_code_is_accepted_at_the_fifth_attempt() {
    let (app, number) = (start().await, random_number());
    let code = signup_code(&app, &number).await;
    for _ in 0..4 {
        let _ = verify(&app, &number, &wrong(&code)).await.expect_problem(400, "invalid_code");
    }
    let _ = verify(&app, &number, &code).await.expect(201);
}

#[tokio::test]
async fn second_code_is_refused_within_a_minute() {
    let (app, number) = (start().await, random_number());
    let _ = signup_code(&app, &number).await;
    let body = json!({ "mobile_number": number.as_str() });
    let response = app.request("POST", "/api/auth/send-signup-otp").json(body).send().await;
    let response = response.expect_problem(429, "code_sent_recently");
    let retry_after: u64 = response.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&retry_after), "{retry_after}");
}

#[tokio::test]
async fn registered_number_gets_the_same_response_and_an_invalid_signup_code() {
    let (app, number) = (start().await, random_number());
    let code = signup_code(&app, &number).await;
    let _ = verify(&app, &number, &code).await.expect(201);

    let code = signup_code(&app, &number).await;
    let known = verify(&app, &number, &code).await.expect_problem(400, "invalid_code");
    let unknown = verify(&app, &random_number(), "123456").await.expect_problem(400, "invalid_code");
    assert_eq!(known.body["errors"], unknown.body["errors"]);
    assert_eq!(known.body["detail"], unknown.body["detail"]);
    assert_json_snapshot!(unknown.body, { ".request_id" => "[id]" }, @r#"
    {
      "code": "invalid_code",
      "detail": "otp: is wrong, has expired or was already used",
      "errors": [
        "otp: is wrong, has expired or was already used"
      ],
      "message": "otp: is wrong, has expired or was already used",
      "request_id": "[id]",
      "status": 400,
      "success": false,
      "title": "Bad Request",
      "type": "urn:problem:invalid_code"
    }
    "#);
}

#[tokio::test]
async fn code_is_invalid_for_another_purpose_or_number() {
    let (app, number) = (start().await, random_number());
    let code = signup_code(&app, &number).await;
    let _ = verify(&app, &random_number(), &code).await.expect_problem(400, "invalid_code");
    let body = json!({ "mobile_number": number.as_str(), "otp": code, "new_password": "another one" });
    let response = app.request("POST", "/api/auth/reset-password").json(body).send().await;
    let _ = response.expect_problem(400, "invalid_code");
}

#[tokio::test]
async fn password_reset_sets_the_password_and_ends_every_session() {
    let app = start().await;
    let user = app.user().await;
    let number = json!({ "mobile_number": user.mobile_number.as_str() });
    let sent = app.request("POST", "/api/auth/forgot-password").json(number).send().await.expect(200);

    let body = json!({ "mobile_number": user.mobile_number.as_str(), "otp": sent.text("/otp"), "new_password": "a new one!" });
    let _ = app.request("POST", "/api/auth/reset-password").json(body).send().await.expect(200);

    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM sessions").await, 0);
    let _ =
        login(&app, &user.mobile_number, testkit::PASSWORD).await.expect_problem(401, "invalid_credentials");
    let _ = login(&app, &user.mobile_number, "a new one!").await.expect(200);
}

#[tokio::test]
async fn password_reset_of_an_unknown_number_looks_like_a_wrong_code() {
    let (app, number) = (start().await, random_number());
    let sent = app
        .request("POST", "/api/auth/forgot-password")
        .json(json!({ "mobile_number": number.as_str() }))
        .send()
        .await;
    let code = sent.expect(200).text("/otp");
    let body = json!({ "mobile_number": number.as_str(), "otp": code, "new_password": "a new one!" });
    let _ = app
        .request("POST", "/api/auth/reset-password")
        .json(body)
        .send()
        .await
        .expect_problem(400, "invalid_code");
}

#[tokio::test]
async fn session_expires_with_its_refresh_token() {
    let app = start().await;
    let user = app.user().await;
    app.advance(Duration::from_hours(24 * 31));
    let body = json!({ "current_password": testkit::PASSWORD, "new_password": "a new one!" });
    let response = app.request("POST", "/api/auth/change-password").by(&user).json(body).send().await;
    let _ = response.expect_problem(401, "not_authenticated");
}

#[tokio::test]
async fn concurrent_code_attempts_share_the_five() {
    let (app, number) = (start().await, random_number());
    let code = signup_code(&app, &number).await;
    let wrong_code = wrong(&code);
    let responses = futures::future::join_all((0..50).map(|_| verify(&app, &number, &wrong_code))).await;
    assert!(responses.iter().all(|response| response.status == 400));
    let _ = verify(&app, &number, &code).await.expect_problem(400, "invalid_code");
}

#[tokio::test]
async fn concurrent_uses_of_a_code_create_one_account() {
    let (app, number) = (start().await, random_number());
    let code = signup_code(&app, &number).await;
    let responses = futures::future::join_all((0..5).map(|_| verify(&app, &number, &code))).await;
    assert_eq!(responses.iter().filter(|response| response.status == 201).count(), 1);
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM users").await, 1);
}

#[tokio::test]
async fn without_redis_codes_are_unavailable() {
    let app =
        testkit::TestApp::serving(crate::routes()).var("REDIS_URL", "redis://127.0.0.1:1").start().await;
    let number = random_number();
    let body = json!({ "mobile_number": number.as_str() });
    let response = app.request("POST", "/api/auth/send-signup-otp").json(body).send().await;
    assert!(response.expect_problem(503, "unavailable").header("retry-after").is_some());
    let _ = verify(&app, &number, "123456").await.expect_problem(503, "unavailable");
}

#[tokio::test]
async fn codes_per_number_and_day_are_limited_for_each_purpose() {
    let app = TestApp::serving(crate::routes()).var("OTP_MAX_PER_DAY", "5").start().await;
    let (number, other) = (random_number(), random_number());
    let request_code = |path: &'static str, number: &MobileNumber| {
        let body = json!({ "mobile_number": number.as_str() });
        app.request("POST", &format!("/api/auth/{path}")).json(body).send()
    };
    for _ in 0..2 {
        let _ = request_code("forgot-password", &number).await.expect(200);
        let _ = request_code("forgot-password", &number).await.expect_problem(429, "code_sent_recently");
        app.app.redis.delete_code(Purpose::ResetPassword, &number, &[]).await.unwrap();
    }
    let refused = request_code("forgot-password", &number).await.expect_problem(429, "code_limit_reached");
    let retry_after: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    // One network gets two of the five a day, so the next code is allowed after half a day.
    assert!((40_000..=43_200).contains(&retry_after), "{retry_after}");
    let _ = request_code("send-signup-otp", &number).await.expect(200);
    let _ = request_code("forgot-password", &other).await.expect(200);
}
