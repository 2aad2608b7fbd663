//! Sending codes by text message.

use clients::sms::{SmsSender, SnsSender};
use domain::MobileNumber;
use serde_json::{Value, json};
use testkit::{Response, TestApp, random_number};

use super::verify;

async fn start_with_sns() -> TestApp {
    TestApp::serving(crate::routes()).var("OTP_DELIVERY", "sns").start().await
}

async fn request_code(app: &TestApp, path: &str, number: &MobileNumber) -> Response {
    let body = json!({ "mobile_number": number.as_str() });
    app.request("POST", &format!("/api/auth/{path}")).json(body).send().await
}

/// Reads the code from a text message.
fn code_in(text: &str) -> String {
    let code = text.split(' ').next().unwrap();
    assert!(code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()), "{text}");
    code.to_owned()
}

#[tokio::test]
async fn code_is_sent_by_text_message_and_not_in_the_response() {
    let (app, number) = (start_with_sns().await, random_number());
    let response = request_code(&app, "send-signup-otp", &number).await.expect(200);
    assert!(response.body.get("otp").is_none(), "{}", response.body);
    let sent = app.sms.texts_to(&number);
    assert_eq!(sent.len(), 1);
    assert!(sent[0].len() <= 160 && sent[0].is_ascii(), "{}", sent[0]);
    let _ = verify(&app, &number, &code_in(&sent[0])).await.expect(201);
}

#[tokio::test]
async fn text_message_explains_why_no_code_was_sent() {
    let app = start_with_sns().await;
    let (user, unknown_number) = (app.user().await, random_number());
    let known = request_code(&app, "send-signup-otp", &user.mobile_number).await.expect(200);
    let unknown = request_code(&app, "forgot-password", &unknown_number).await.expect(200);
    assert_eq!(known.body["message"], unknown.body["message"]);
    let texts = app.sms.texts_to(&user.mobile_number);
    assert!(
        texts.len() == 1 && texts[0].contains("already has an account") && texts[0].len() <= 160,
        "{texts:?}"
    );
    let texts = app.sms.texts_to(&unknown_number);
    assert!(texts.len() == 1 && texts[0].contains("has no account") && texts[0].len() <= 160, "{texts:?}");
}

#[tokio::test]
async fn undelivered_code_is_not_charged_to_the_limits() {
    let app = TestApp::serving(crate::routes()).var("OTP_DELIVERY", "sns").var("OTP_MAX_PER_DAY", "1");
    let (app, number) = (app.start().await, random_number());
    app.sms.fail_requests();
    for _ in 0..3 {
        let response =
            request_code(&app, "send-signup-otp", &number).await.expect_problem(503, "unavailable");
        assert!(response.header("retry-after").is_some());
    }
    app.sms.recover();
    let _ = request_code(&app, "send-signup-otp", &number).await.expect(200);
}

#[tokio::test]
async fn test_number_has_a_fixed_code_and_gets_no_text_message() {
    let app = TestApp::serving(crate::routes())
        .var("OTP_DELIVERY", "sns")
        .var("OTP_COUNTRIES", "DE")
        .var("OTP_TEST_NUMBERS", "+12025550100:271828");
    let (app, number) = (app.start().await, MobileNumber::from("+12025550100"));
    // The number is the same in every test run, so Redis may still have a code from the previous
    // run.
    app.app.redis.delete_code(domain::otp::Purpose::SignUp, &number, &[]).await.unwrap();
    let response = request_code(&app, "send-signup-otp", &number).await.expect(200);
    assert!(response.body.get("otp").is_none() && app.sms.texts_to(&number).is_empty());
    let _ = verify(&app, &number, "314159").await.expect_problem(400, "invalid_code");
    let _ = verify(&app, &number, "271828").await.expect(201);
}

#[tokio::test]
async fn sns_accepts_the_text_message() {
    let (app, number) = (start_with_sns().await, random_number());
    let aws = &app.app.config.aws;
    let sender = SnsSender::new(&aws.load().unwrap(), Some("CHAT".to_owned()));
    sender.send(&number, "123456 is your code").await.unwrap();

    let url = format!("{}/_ministack/sns/sms-messages", aws.endpoint_url.as_deref().unwrap());
    let client =
        reqwest::Client::builder().tls_backend_preconfigured(clients::tls::client_config()).no_proxy();
    let phones: Value = client.build().unwrap().get(url).send().await.unwrap().json().await.unwrap();
    let sent = &phones["sms_messages"][number.as_str()][0];
    assert_eq!(sent["Message"], "123456 is your code", "{phones}");
    let attributes = sent["MessageAttributes"].to_string();
    assert!(attributes.contains("Transactional") && attributes.contains("CHAT"), "{sent}");
}
