//! What happens while an operator has paused sign-ups or text messages.

use domain::switches::Feature;
use serde_json::json;
use testkit::{TestApp, random_number};

use super::{signup_code, start, verify};

async fn send_code(app: &TestApp, route: &str, number: &str) -> testkit::Response {
    app.request("POST", &format!("/api/auth/{route}")).json(json!({ "mobile_number": number })).send().await
}

#[tokio::test]
async fn no_account_is_created_while_signups_are_paused() {
    let (app, number) = (start().await, random_number());
    let code = signup_code(&app, &number).await;
    app.set_paused(&Feature::SignUps, true);
    let refused = send_code(&app, "send-signup-otp", random_number().as_str()).await;
    let refused = refused.expect_problem(503, "signups_paused");
    assert_eq!((refused.header("retry-after"), &refused.body["retry_after"]), (Some("60"), &json!(60)));
    let _ = verify(&app, &number, &code).await.expect_problem(503, "signups_paused");
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM users").await, 0);

    app.set_paused(&Feature::SignUps, false);
    // The refusal has not used the code up.
    let _ = verify(&app, &number, &code).await.expect(201);
}

#[tokio::test]
async fn accounts_go_on_while_signups_are_paused() {
    let app = start().await;
    let user = app.user().await;
    app.set_paused(&Feature::SignUps, true);
    let _ = send_code(&app, "forgot-password", user.mobile_number.as_str()).await.expect(200);
}

#[tokio::test]
async fn no_text_message_is_sent_while_they_are_paused() {
    let app = TestApp::serving(crate::routes())
        .var("OTP_DELIVERY", "sns")
        .var("OTP_TEST_NUMBERS", "+12025550100:271828")
        .start()
        .await;
    app.set_paused(&Feature::Sms, true);
    let number = random_number();
    for route in ["send-signup-otp", "forgot-password"] {
        let _ = send_code(&app, route, number.as_str()).await.expect_problem(503, "sms_paused");
    }
    assert!(app.sms.texts_to(&number).is_empty());
    // Its code is never sent.
    let _ = send_code(&app, "send-signup-otp", "+12025550100").await.expect(200);

    app.set_paused(&Feature::Sms, false);
    let _ = send_code(&app, "send-signup-otp", number.as_str()).await.expect(200);
    assert_eq!(app.sms.texts_to(&number).len(), 1);
}

#[tokio::test]
async fn last_known_state_stays_while_the_store_is_silent() {
    let app = start().await;
    app.switches.silence();
    let _ = signup_code(&app, &random_number()).await;
    let paused = start().await;
    paused.set_paused(&Feature::SignUps, true);
    let _ = send_code(&paused, "send-signup-otp", random_number().as_str()).await.expect(503);
    paused.switches.silence();
    paused.set_paused(&Feature::SignUps, false);
    let _ = send_code(&paused, "send-signup-otp", random_number().as_str()).await.expect(503);
}
