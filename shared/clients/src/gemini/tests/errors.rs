//! Error responses.

use domain::message::ErrorCode;
use serde_json::json;

use super::*;

const PER_MINUTE: &str = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier";
const PER_DAY: &str = "GenerateRequestsPerDayPerProjectPerModel-FreeTier";

fn quota_error(quota_id: &str, retry_delay: Option<&str>) -> Value {
    let mut details = vec![json!({"@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [{"quotaMetric": "m", "quotaId": quota_id, "quotaValue": "250"}]})];
    details.extend(
        retry_delay.map(|d| json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": d})),
    );
    json!({"error": {"code": 429, "message": "quota", "status": "RESOURCE_EXHAUSTED", "details": details}})
}

#[tokio::test]
async fn minute_quota_and_daily_quota_are_distinguished() {
    let error = call_for_error(429, quota_error(PER_MINUTE, Some("1.5s"))).await;
    assert!(error.is_transient());
    assert_eq!(error.retry_delay(), Some(Duration::from_millis(1_500)));

    let error = call_for_error(429, quota_error(PER_MINUTE, None)).await;
    assert_eq!((error.is_transient(), error.retry_delay()), (true, None));

    let error = call_for_error(429, quota_error(PER_DAY, Some("36s"))).await;
    assert_eq!(error, GenerateError::DailyQuota { quota: PER_DAY.to_owned() });

    let error = call_for_error(429, json!({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}})).await;
    assert!(error.is_transient());
    assert_eq!(error.error_code(), ErrorCode::GeminiQuota);
}

#[tokio::test]
async fn error_in_array_and_retry_after_header_are_read() {
    let error = call_for_error(429, json!([quota_error(PER_MINUTE, Some("22s"))])).await;
    assert_eq!(error.retry_delay(), Some(Duration::from_secs(22)));

    let later = ResponseTemplate::new(503).insert_header("retry-after", "9");
    assert_eq!(call_server(later).await.unwrap_err().retry_delay(), Some(Duration::from_secs(9)));
}

#[tokio::test]
async fn invalid_key_is_not_an_invalid_request() {
    let info = json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"});
    let bad_key = json!({"error": {"code": 400, "status": "INVALID_ARGUMENT", "details": [info]}});
    let refused = |status, reason: &str| GenerateError::KeyRejected { status, reason: reason.to_owned() };
    assert_eq!(call_for_error(400, bad_key).await, refused(400, "API_KEY_INVALID"));

    let place = json!({"error": {"code": 400, "status": "FAILED_PRECONDITION"}});
    assert_eq!(call_for_error(400, place).await, refused(400, "FAILED_PRECONDITION"));
    let denied = json!({"error": {"code": 403, "status": "PERMISSION_DENIED"}});
    assert_eq!(call_for_error(403, denied).await, refused(403, "PERMISSION_DENIED"));

    let reason = "INVALID_ARGUMENT".to_owned();
    let invalid = json!({"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "no"}});
    assert_eq!(call_for_error(400, invalid).await, GenerateError::InvalidRequest { status: 400, reason });
}

#[tokio::test]
async fn retry_delay_is_read_from_the_message() {
    let delays = [
        ("Please retry in 12.5s.", Some(12_500)),
        ("Quota exceeded.\nPlease retry in 8.25ms", Some(8)),
        ("please retry in 1m2.5s, thank you", Some(62_500)),
        ("Retry in 2m", Some(120_000)),
        ("Please retry in soon.", None),
        ("Please retry in 5.", None),
        ("Please retry in -3s.", None),
    ];
    for (message, millis) in delays {
        let body = json!({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": message}});
        let delay = call_for_error(429, body).await.retry_delay();
        assert_eq!(delay.map(|delay| delay.as_millis()), millis, "{message}");
    }
    let mut exact = quota_error(PER_MINUTE, Some("0s"));
    exact["error"]["message"] = json!("Please retry in 1.25s.");
    assert_eq!(call_for_error(429, exact).await.retry_delay(), Some(Duration::from_millis(1_250)));
}

#[tokio::test]
async fn error_about_money_is_not_a_quota() {
    use BillingProblem::{Credits, Disabled, SpendingCap};
    let messages = [
        (429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted. Please go to AI Studio.", Credits),
        (429, "RESOURCE_EXHAUSTED", "Your project has exceeded its monthly spending cap.", SpendingCap),
        (
            429,
            "RESOURCE_EXHAUSTED",
            "You exceeded the spend limit of $10 per rolling 10 minutes.",
            SpendingCap,
        ),
        (402, "", "", Credits),
        (400, "FAILED_PRECONDITION", "Please enable billing on your project in AI Studio.", Disabled),
        (403, "PERMISSION_DENIED", "This API method requires billing to be enabled.", Disabled),
    ];
    for (code, status, message, problem) in messages {
        let body = json!({"error": {"code": code, "status": status, "message": message}});
        let error = call_for_error(code, body).await;
        assert_eq!(error, GenerateError::Billing { problem }, "{message}");
        assert_eq!((error.error_code(), error.is_transient()), (ErrorCode::GeminiBilling, false));
        assert!(error.needs_operator());
    }
    let usual = "You exceeded your current quota, please check your plan and billing details.";
    let body = json!({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": usual}});
    assert!(matches!(call_for_error(429, body).await, GenerateError::MinuteQuota { .. }));
    let quoted = json!({"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "spending cap"}});
    assert_eq!(call_for_error(400, quoted).await.error_code(), ErrorCode::InvalidRequest);
}

#[tokio::test]
async fn refused_key_without_details_is_told_by_status_or_message() {
    for (code, status, message) in [
        (401, "UNAUTHENTICATED", "Request had invalid authentication credentials."),
        (403, "PERMISSION_DENIED", "Your API key was reported as leaked. Please use another API key."),
        (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
        (400, "INVALID_ARGUMENT", "API key expired. Please renew the API key."),
        (400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
    ] {
        let body = json!({"error": {"code": code, "status": status, "message": message}});
        let error = call_for_error(code, body).await;
        assert!(error.needs_operator());
        assert_eq!((error.error_code(), error.is_transient()), (ErrorCode::GeminiKeyRefused, false));
    }
}

#[tokio::test]
async fn vendor_messages_are_dropped() {
    let message = format!("Consumer 'api_key:{KEY}' sent {SECRET_TEXT:?}");
    for status in [400, 403, 429, 500] {
        let body = json!({"error": {"code": status, "status": "X", "message": message}});
        let error = call_for_error(status, body).await;
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(KEY) && !shown.contains("treasure"), "{shown}");
    }
}
