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
async fn vendor_messages_are_dropped() {
    let message = format!("Consumer 'api_key:{KEY}' sent {SECRET_TEXT:?}");
    for status in [400, 403, 429, 500] {
        let body = json!({"error": {"code": status, "status": "X", "message": message}});
        let error = call_for_error(status, body).await;
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(KEY) && !shown.contains("treasure"), "{shown}");
    }
}
