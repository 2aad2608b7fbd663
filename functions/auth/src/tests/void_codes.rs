//! Codes that a change of the password makes void, and the spellings of a code.

use std::time::Duration;

use domain::MobileNumber;
use serde_json::json;
use testkit::{PASSWORD, Response, TestApp, random_number};

use super::{login, signup_code, start, verify};

async fn reset_code(app: &TestApp, number: &MobileNumber) -> String {
    let body = json!({ "mobile_number": number.as_str() });
    app.request("POST", "/api/auth/forgot-password").json(body).send().await.expect(200).text("/otp")
}

async fn reset(app: &TestApp, number: &MobileNumber, code: &str) -> Response {
    let body = json!({ "mobile_number": number.as_str(), "otp": code, "new_password": "a third one!" });
    app.request("POST", "/api/auth/reset-password").json(body).send().await
}

#[tokio::test]
async fn reset_code_is_void_after_a_password_change() {
    let app = start().await;
    let user = app.user().await;
    let code = reset_code(&app, &user.mobile_number).await;
    app.advance(Duration::from_secs(1));
    let body = json!({ "current_password": PASSWORD, "new_password": "a new one!" });
    let _ = app.request("POST", "/api/auth/change-password").by(&user).json(body).send().await.expect(200);

    let _ = reset(&app, &user.mobile_number, &code).await.expect_problem(400, "invalid_code");
    let _ = login(&app, &user.mobile_number, "a new one!").await.expect(200);
}

#[tokio::test]
async fn reset_code_is_void_for_a_newer_account_with_the_number() {
    let (app, number) = (start().await, random_number());
    let code = reset_code(&app, &number).await;
    app.advance(Duration::from_secs(1));
    let signup = signup_code(&app, &number).await;
    let _ = verify(&app, &number, &signup).await.expect(201);

    let _ = reset(&app, &number, &code).await.expect_problem(400, "invalid_code");
    let _ = login(&app, &number, "first password").await.expect(200);
}

#[tokio::test]
async fn reset_code_that_was_issued_after_a_password_change_is_valid() {
    let app = start().await;
    let user = app.user().await;
    let body = json!({ "current_password": PASSWORD, "new_password": "a new one!" });
    let _ = app.request("POST", "/api/auth/change-password").by(&user).json(body).send().await.expect(200);
    app.advance(Duration::from_secs(1));
    let code = reset_code(&app, &user.mobile_number).await;
    let _ = reset(&app, &user.mobile_number, &code).await.expect(200);
}

#[tokio::test]
async fn code_is_accepted_in_the_digits_of_another_script_with_spaces() {
    let (app, number) = (start().await, random_number());
    let code = signup_code(&app, &number).await;
    let arabic: String =
        code.chars().filter_map(|digit| char::from_u32(digit as u32 - 0x30 + 0x660)).collect();
    let spelled = format!(" {} {} ", &arabic[..6], &arabic[6..]);
    let _ = verify(&app, &number, &spelled).await.expect(201);
}
