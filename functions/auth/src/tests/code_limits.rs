//! Limits on sending codes: per address, per block of numbers, and by country.

use domain::MobileNumber;
use serde_json::json;
use testkit::{Response, TestApp, random_number};

use super::{retry_after, verify};

async fn request_code(app: &TestApp, number: &MobileNumber) -> Response {
    let body = json!({ "mobile_number": number.as_str() });
    app.request("POST", "/api/auth/send-signup-otp").json(body).send().await
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
