//! Limits on password attempts.

use domain::MobileNumber;
use futures::future::join_all;
use serde_json::json;
use testkit::{PASSWORD, TestApp, random_number};

use super::{login, retry_after, start};

#[tokio::test]
async fn concurrent_wrong_passwords_share_the_five_free_attempts() {
    let app = start().await;
    let user = app.user().await;
    let attempts = (0..30).map(|number| {
        let password = format!("wrong password {number}");
        let app = &app;
        let number = &user.mobile_number;
        async move { login(app, number, &password).await }
    });
    let statuses: Vec<u16> =
        join_all(attempts).await.iter().map(|response| response.status.as_u16()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 5, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 25, "{statuses:?}");
    let refused = login(&app, &user.mobile_number, PASSWORD).await.expect_problem(429, "too_many_attempts");
    assert!((20..=30).contains(&retry_after(&refused)), "{}", retry_after(&refused));
}

#[tokio::test]
async fn attempts_that_could_not_be_verified_do_not_count() {
    let app = start().await;
    let user = app.user().await;
    let _ = login(&app, &user.mobile_number, "wrong password").await.expect(401);
    app.execute("ALTER TABLE users RENAME TO hidden").await;
    for _ in 0..7 {
        let response = login(&app, &user.mobile_number, PASSWORD).await;
        assert!(response.status.is_server_error(), "{}", response.status);
    }
    app.execute("ALTER TABLE hidden RENAME TO users").await;
    // The attempt before the outage still counts, so four more are free.
    for _ in 0..4 {
        let _ = login(&app, &user.mobile_number, "wrong password").await.expect(401);
    }
    let _ = login(&app, &user.mobile_number, PASSWORD).await.expect_problem(429, "too_many_attempts");
}

#[tokio::test]
async fn refund_leaves_the_counter_that_was_not_charged() {
    let mut app = start().await;
    let number = app.user().await.mobile_number;
    attack(&mut app, &number, 50).await;
    app.address = "198.51.100.1".to_owned();
    app.execute("ALTER TABLE users RENAME TO hidden").await;
    assert!(login(&app, &number, PASSWORD).await.status.is_server_error());
    app.execute("ALTER TABLE hidden RENAME TO users").await;
    let _ = login(&app, &number, PASSWORD).await.expect_problem(401, "invalid_credentials");
}

#[tokio::test]
async fn unknown_number_has_the_same_limit_on_attempts() {
    let (app, number) = (start().await, random_number());
    for _ in 0..5 {
        let _ = login(&app, &number, "wrong password").await.expect_problem(401, "invalid_credentials");
    }
    let _ = login(&app, &number, "wrong password").await.expect_problem(429, "too_many_attempts");
}

#[tokio::test]
async fn attempts_from_another_network_do_not_lock_out_the_owner() {
    let mut app = start().await;
    let user = app.user().await;
    let home = app.address.clone();
    let _ = login(&app, &user.mobile_number, PASSWORD).await.expect(200);
    app.address = "203.0.113.9".to_owned();
    for _ in 0..6 {
        let _ = login(&app, &user.mobile_number, "wrong password").await;
    }
    let _ = login(&app, &user.mobile_number, PASSWORD).await.expect_problem(429, "too_many_attempts");
    app.address = home;
    let _ = login(&app, &user.mobile_number, PASSWORD).await.expect(200);
}

/// Sends `count` wrong passwords, up to five from each network.
pub(super) async fn attack(app: &mut TestApp, number: &MobileNumber, count: usize) {
    for network in 0..count.div_ceil(5) {
        app.address = format!("203.0.113.{network}");
        let attempts =
            (network * 5..count.min(network * 5 + 5)).map(|_| login(app, number, "wrong password"));
        for response in join_all(attempts).await {
            let _ = response.expect_problem(401, "invalid_credentials");
        }
    }
}

#[tokio::test]
async fn attempts_from_many_networks_share_a_limit() {
    let mut app = start().await;
    let (one, other) = (app.user().await.mobile_number, app.user().await.mobile_number);
    attack(&mut app, &one, 49).await;
    app.address = "198.51.100.1".to_owned();
    let _ = login(&app, &one, PASSWORD).await.expect(200);
    attack(&mut app, &other, 50).await;
    app.address = "198.51.100.2".to_owned();
    let _ = login(&app, &other, PASSWORD).await.expect_problem(401, "invalid_credentials");
}

#[tokio::test]
async fn used_up_attempts_of_strangers_leave_the_owner_login_and_reset() {
    let mut app = start().await;
    let number = app.user().await.mobile_number;
    let home = app.address.clone();
    let _ = login(&app, &number, PASSWORD).await.expect(200);
    attack(&mut app, &number, 60).await;
    let strange = std::mem::replace(&mut app.address, home);
    let _ = login(&app, &number, PASSWORD).await.expect(200);
    app.address = strange;
    let body = json!({ "mobile_number": number.as_str() });
    let sent = app.request("POST", "/api/auth/forgot-password").json(body).send().await.expect(200);
    let body =
        json!({ "mobile_number": number.as_str(), "otp": sent.text("/otp"), "new_password": "a new one!" });
    let _ = app.request("POST", "/api/auth/reset-password").json(body).send().await.expect(200);
    let _ = login(&app, &number, "a new one!").await.expect(200);
}

/// The responses to wrong passwords in turn, without what differs in each response.
async fn responses(app: &mut TestApp, number: &MobileNumber, networks: &[&str]) -> Vec<String> {
    let mut seen = Vec::new();
    for network in networks {
        app.address = (*network).to_owned();
        for _ in 0..6 {
            let mut response = login(app, number, "wrong password").await;
            response.body.as_object_mut().unwrap().remove("request_id");
            seen.push(format!("{} {}", response.status, response.body));
        }
    }
    seen
}

#[tokio::test]
async fn used_up_attempts_do_not_reveal_whether_a_number_is_registered() {
    let mut app = start().await;
    let (registered, unknown) = (app.user().await.mobile_number, random_number());
    // The network of the owner, which an attacker may share.
    app.address = "198.51.100.7".to_owned();
    let _ = login(&app, &registered, PASSWORD).await.expect(200);
    attack(&mut app, &registered, 55).await;
    attack(&mut app, &unknown, 55).await;
    let networks = ["198.51.100.7", "198.51.100.1", "198.51.100.2"];
    let of_registered = responses(&mut app, &registered, &networks).await;
    assert_eq!(of_registered, responses(&mut app, &unknown, &networks).await);
    assert!(of_registered[0].starts_with("401") && of_registered[5].starts_with("429"), "{of_registered:?}");
}

#[tokio::test]
async fn password_reset_lifts_the_limit_on_attempts() {
    let app = start().await;
    let user = app.user().await;
    for _ in 0..6 {
        let _ = login(&app, &user.mobile_number, "wrong password").await;
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
    let body = json!({ "current_password": "wrong password", "new_password": "a new one!" });
    let attempt = || app.request("POST", "/api/auth/change-password").by(&user).json(body.clone()).send();
    for _ in 0..5 {
        let _ = attempt().await.expect_problem(400, "wrong_password");
    }
    let _ = attempt().await.expect_problem(429, "too_many_attempts");
}

#[tokio::test]
async fn without_redis_each_process_limits_attempts_itself() {
    let app = TestApp::serving(crate::routes()).var("REDIS_URL", "redis://127.0.0.1:1").start().await;
    let user = app.user().await;
    for _ in 0..5 {
        let response = login(&app, &user.mobile_number, "wrong password").await;
        let _ = response.expect_problem(401, "invalid_credentials");
    }
    let _ = login(&app, &user.mobile_number, "wrong password").await.expect_problem(429, "too_many_attempts");
}
