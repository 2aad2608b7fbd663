//! Accounts whose number is stored in an earlier spelling, or is in no numbering plan.

use domain::{AccountNumber, MobileNumber};
use serde_json::{Value, json};
use testkit::{PASSWORD, Response, TestApp, TestUser, random_number};

use super::{login, signup_code, start, verify};

/// The last digits of a number that no other test uses.
fn random_digits() -> String {
    random_number().as_str().chars().rev().take(8).collect()
}

/// A user whose number is stored as `text`.
async fn user_stored_as(app: &TestApp, text: &str) -> TestUser {
    let user = app.user().await;
    let sql = format!("UPDATE users SET mobile_number = '{text}' WHERE id = '{}'", user.id);
    app.execute(&sql).await;
    user
}

async fn post(app: &TestApp, route: &str, body: Value) -> Response {
    app.request("POST", &format!("/api/auth/{route}")).json(body).send().await
}

async fn log_in(app: &TestApp, number: &str, password: &str) -> Response {
    post(app, "login", json!({ "mobile_number": number, "password": password })).await
}

async fn reset(app: &TestApp, number: &str, new_password: &str) {
    let sent = post(app, "forgot-password", json!({ "mobile_number": number })).await.expect(200);
    let body = json!({ "mobile_number": number, "otp": sent.text("/otp"), "new_password": new_password });
    let _ = post(app, "reset-password", body).await.expect(200);
}

#[tokio::test]
async fn account_in_an_earlier_spelling_is_found_by_either() {
    let app = start().await;
    for is_typed_as_stored in [true, false] {
        let digits = random_digits();
        let (old, new) = (format!("+52155{digits}"), format!("+5255{digits}"));
        let user = user_stored_as(&app, &old).await;
        let typed = if is_typed_as_stored { &old } else { &new };
        let found = log_in(&app, typed, PASSWORD).await.expect(200);
        assert_eq!(found.text("/user/id"), user.id.to_string());
        let number = MobileNumber::from(typed.as_str());
        let code = signup_code(&app, &number).await;
        let _ = verify(&app, &number, &code).await.expect_problem(400, "invalid_code");
        reset(&app, typed, "a new one!").await;
        let _ = log_in(&app, &old, "a new one!").await.expect(200);
        let _ = log_in(&app, &new, "a new one!").await.expect(200);
    }
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM users").await, 2);
}

#[tokio::test]
async fn account_whose_number_no_plan_has_signs_in_and_resets() {
    let app = start().await;
    for number in [format!("+99915{}", random_digits()), format!("+1{}", random_digits())] {
        assert!(AccountNumber::from(number.as_str()).is_unplanned());
        let user = user_stored_as(&app, &number).await;
        let found = log_in(&app, &number, PASSWORD).await.expect(200);
        assert_eq!(found.text("/user/id"), user.id.to_string());
        reset(&app, &number, "a new one!").await;
        let _ = log_in(&app, &number, "a new one!").await.expect(200);
        let sign_up = post(&app, "send-signup-otp", json!({ "mobile_number": number })).await;
        sign_up.expect_invalid(&["mobile_number"]);
    }
}

#[tokio::test]
async fn stored_number_finds_its_own_account() {
    let (app, digits) = (start().await, random_digits());
    let (old, new) = (format!("+52155{digits}"), format!("+5255{digits}"));
    let (first, second) = (user_stored_as(&app, &old).await, user_stored_as(&app, &new).await);
    for (typed, user) in [(&old, &first), (&new, &second)] {
        let found = log_in(&app, typed, PASSWORD).await.expect(200);
        assert_eq!(found.text("/user/id"), user.id.to_string());
        reset(&app, typed, &format!("new one of {typed}")).await;
        app.advance(std::time::Duration::from_mins(2));
        let number = MobileNumber::from(typed.as_str());
        app.app.redis.delete_code(domain::otp::Purpose::ResetPassword, &number, &[]).await.unwrap();
    }
    let _ = log_in(&app, &old, &format!("new one of {old}")).await.expect(200);
    let _ = log_in(&app, &new, &format!("new one of {new}")).await.expect(200);
}

#[tokio::test]
async fn number_of_no_plan_gets_the_same_response_with_and_without_an_account() {
    let app = TestApp::serving(crate::routes()).var("OTP_DELIVERY", "sns").start().await;
    let known = format!("+99915{}", random_digits());
    let unknown = format!("+99915{}", random_digits());
    let _ = user_stored_as(&app, &known).await;
    for number in [&known, &unknown] {
        let _ = post(&app, "forgot-password", json!({ "mobile_number": number })).await.expect(200);
        assert_eq!(app.sms.texts_to(&AccountNumber::from(number.as_str())).len(), 1);
    }
    app.sms.fail_requests();
    for number in [known, unknown] {
        app.app
            .redis
            .delete_code(domain::otp::Purpose::ResetPassword, &AccountNumber::from(number.as_str()), &[])
            .await
            .unwrap();
        let _ = post(&app, "forgot-password", json!({ "mobile_number": number })).await.expect(200);
    }
}

#[tokio::test]
async fn refresh_of_an_account_in_an_earlier_spelling_makes_its_network_known() {
    let (mut app, digits) = (start().await, random_digits());
    let _ = user_stored_as(&app, &format!("+52155{digits}")).await;
    let number = MobileNumber::from(format!("+5255{digits}"));
    let session = login(&app, &number, PASSWORD).await.expect(200);
    app.address = "198.51.100.7".to_owned();
    let body = json!({ "refresh_token": session.text("/refresh_token") });
    let _ = post(&app, "refresh", body).await.expect(200);
    super::password_attempts::attack(&mut app, &number, 55).await;
    app.address = "198.51.100.7".to_owned();
    let _ = login(&app, &number, PASSWORD).await.expect(200);
}
