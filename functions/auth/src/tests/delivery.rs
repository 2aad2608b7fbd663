//! Codes by text message.

use clients::sms::{SmsSender, SnsSender};
use domain::MobileNumber;
use serde_json::{Value, json};
use testkit::{Answer, TestApp, random_number};

use super::verify;

async fn by_text() -> TestApp {
    TestApp::serving(crate::routes()).var("OTP_DELIVERY", "sns").start().await
}

async fn ask(app: &TestApp, path: &str, number: &MobileNumber) -> Answer {
    let body = json!({ "mobile_number": number.as_str() });
    app.request("POST", &format!("/api/auth/{path}")).json(body).send().await
}

/// The code in a text message.
fn code(text: &str) -> String {
    let code = text.split(' ').next().unwrap();
    assert!(code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()), "{text}");
    code.to_owned()
}

#[tokio::test]
async fn a_code_is_sent_and_stands_in_no_answer() {
    let (app, number) = (by_text().await, random_number());
    let answer = ask(&app, "send-signup-otp", &number).await.expect(200);
    assert!(answer.body.get("otp").is_none(), "{}", answer.body);
    let sent = app.sms.to(&number);
    assert_eq!(sent.len(), 1);
    assert!(sent[0].len() <= 160 && sent[0].is_ascii(), "{}", sent[0]);
    let _ = verify(&app, &number, &code(&sent[0])).await.expect(201);
}

#[tokio::test]
async fn the_owner_is_told_where_a_code_would_open_nothing() {
    let app = by_text().await;
    let (person, nobody) = (app.person().await, random_number());
    let known = ask(&app, "send-signup-otp", &person.mobile_number).await.expect(200);
    let unknown = ask(&app, "forgot-password", &nobody).await.expect(200);
    assert_eq!(known.body["message"], unknown.body["message"]);
    let told = app.sms.to(&person.mobile_number);
    assert!(told.len() == 1 && told[0].contains("which has one") && told[0].len() <= 160, "{told:?}");
    let told = app.sms.to(&nobody);
    assert!(told.len() == 1 && told[0].contains("has no account") && told[0].len() <= 160, "{told:?}");
}

#[tokio::test]
async fn a_code_that_cannot_be_sent_stands_in_nobodys_way() {
    let app = TestApp::serving(crate::routes()).var("OTP_DELIVERY", "sns").var("OTP_MAX_PER_DAY", "1");
    let (app, number) = (app.start().await, random_number());
    app.sms.set_broken(true);
    for _ in 0..3 {
        let answer = ask(&app, "send-signup-otp", &number).await.expect_problem(503, "unavailable");
        assert!(answer.header("retry-after").is_some());
    }
    app.sms.set_broken(false);
    let _ = ask(&app, "send-signup-otp", &number).await.expect(200);
}

#[tokio::test]
async fn a_test_number_has_its_code_and_is_sent_none() {
    let app = TestApp::serving(crate::routes())
        .var("OTP_DELIVERY", "sns")
        .var("OTP_COUNTRIES", "DE")
        .var("OTP_TEST_NUMBERS", "+12025550100:271828");
    let (app, number) = (app.start().await, MobileNumber::from("+12025550100"));
    // The number is the same in every run of the tests, and so is what Redis knows of it.
    app.app.redis.delete_code(domain::otp::Purpose::SignUp, &number, &[]).await.unwrap();
    let answer = ask(&app, "send-signup-otp", &number).await.expect(200);
    assert!(answer.body.get("otp").is_none() && app.sms.to(&number).is_empty());
    let _ = verify(&app, &number, "314159").await.expect_problem(400, "invalid_code");
    let _ = verify(&app, &number, "271828").await.expect(201);
}

#[tokio::test]
async fn sns_takes_what_is_sent() {
    let (app, number) = (by_text().await, random_number());
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
