//! The shallow and the deep health check.

use std::time::Duration;

use clients::redis::model_rate_limiter::CallOutcome;
use domain::UserId;
use domain::message::ErrorCode;
use futures::future::join_all;
use serde_json::json;
use uuid::Uuid;

use super::serving;

#[tokio::test]
async fn health_needs_no_dependency_and_is_not_rate_limited() {
    let app =
        serving().var("REDIS_URL", "redis://127.0.0.1:1").var("RATE_LIMIT_MAX_REQUESTS", "1").start().await;
    for _ in 0..3 {
        let response = app.event("site-health", None, None).send().await.expect(200);
        assert_eq!((&response.body["status"], &response.body["success"]), (&json!("OK"), &json!(true)));
        assert_eq!(response.body["version"], env!("CARGO_PKG_VERSION"));
        assert!(response.body["uptime"].is_number() && response.body["timestamp"].is_string());
        assert!(response.body.get("checks").is_none());
    }
}

#[tokio::test]
async fn health_shows_the_commit() {
    let app =
        serving().var("COMMIT", "5c5350e").var("COMMIT_TIME", "2026-11-27T13:00:00+01:00").start().await;
    let body = app.event("site-health", None, None).send().await.expect(200).body;
    assert_eq!((&body["commit"], &body["committed_at"]), (&json!("5c5350e"), &json!("2026-11-27T12:00:00Z")));
    let unknown = serving().start().await.event("site-health", None, None).send().await.expect(200).body;
    assert!(unknown["commit"].is_null() && unknown["committed_at"].is_null(), "{unknown}");
}

#[tokio::test]
async fn deep_health_names_the_dependency_that_is_down() {
    let all = serving().start().await;
    let healthy = all.event("site-health-deep", None, None).send().await.expect(200);
    assert_eq!(healthy.body["checks"]["table"]["status"], "up");
    let app = serving().var("TABLE_NAME", "absent").start().await;
    let response = app.event("site-health-deep", None, None).send().await.expect_problem(503, "unavailable");
    let checks = &response.body["checks"];
    for part in ["postgres", "redis", "queue", "gemini"] {
        assert_eq!(checks[part]["status"], "up", "{part} in {checks}");
        assert!(checks[part]["latency_ms"].is_u64());
    }
    assert_eq!(checks["table"]["status"], "down");
    assert!(response.header("retry-after").is_some());
    let wrong = app.request("GET", "/health?deep=perhaps").send().await;
    wrong.expect_invalid(&["deep"]);
}

#[tokio::test]
async fn deep_health_is_checked_once_in_five_seconds() {
    let app = serving().start().await;
    let check = async || app.event("site-health-deep", None, None).send().await;
    let first = check().await.expect(200).body;
    app.advance(Duration::from_secs(4));
    let again = check().await.expect(200).body;
    assert_eq!((&again["timestamp"], &again["checks"]), (&first["timestamp"], &first["checks"]));
    app.advance(Duration::from_secs(1));
    let later = check().await.expect(200).body;
    assert_ne!(later["timestamp"], first["timestamp"]);
}

#[tokio::test]
async fn concurrent_deep_health_requests_share_one_check() {
    let app = serving().start().await;
    let checks = join_all((0..5).map(|_| app.event("site-health-deep", None, None).send())).await;
    let latencies: Vec<_> = checks.into_iter().map(|check| check.expect(200).body["checks"].take()).collect();
    assert!(latencies.windows(2).all(|pair| pair[0] == pair[1]), "{latencies:?}");
}

#[tokio::test]
async fn deep_health_is_degraded_while_gemini_refuses_the_key() {
    let app = serving().start().await;
    let (limiter, model) = (&app.app.model_rate_limiter, &app.app.config.gemini.models.pro().id);
    let call = |outcome| limiter.record(model, Uuid::new_v4(), UserId(Uuid::nil()), outcome);
    call(CallOutcome::Refused { code: ErrorCode::GeminiKeyRefused }).await;
    let refused = app.event("site-health-deep", None, None).send().await.expect(200).body;
    assert_eq!(
        (&refused["status"], &refused["checks"]["gemini"]["status"]),
        (&json!("degraded"), &json!("degraded"))
    );

    call(CallOutcome::Responded { prompt_tokens: None }).await;
    app.advance(Duration::from_secs(5));
    let healthy = app.event("site-health-deep", None, None).send().await.expect(200).body;
    assert_eq!((&healthy["status"], &healthy["checks"]["gemini"]["status"]), (&json!("OK"), &json!("up")));
}
