//! What an operator has paused, or a limit that is reached, is left out of the smoke test.

use super::MockApi;

/// Each refusal on purpose: where it is made, its code and the reason that the summary names.
const ON_PURPOSE: [(&str, u16, &str, &str); 4] = [
    ("/api/auth/verify-signup-otp", 503, "signups_paused", "an operator has paused sign-ups"),
    ("/api/chatroom/room/message", 503, "sending_paused", "an operator has paused sending"),
    ("/api/chatroom/room/message", 503, "model_paused", "an operator has paused every model"),
    ("/api/chatroom/room/message", 503, "spend_cap_reached", "the service's spending cap"),
];

#[tokio::test]
async fn paused_service_can_be_deployed_and_the_summary_names_the_reason() {
    for (path, status, code, reason) in ON_PURPOSE {
        let api = MockApi::start().await;
        api.refuse("POST", path, status, code).await;
        let report = api.run().await;
        assert_eq!(report.failure(), None, "{code}: {report}");
        let summary = report.summary();
        assert!(summary.contains("on it was skipped: ") && summary.contains(reason), "{summary}");
        assert!(summary.contains(&format!("{status} {code} (A title), request r-1")), "{summary}");
        let requests = api.requests().await;
        let last_post = requests.iter().rfind(|request| request.starts_with("POST")).unwrap();
        assert_eq!(last_post[5..], *path);
        assert!(!requests.contains(&"GET /api/stream/question".to_owned()), "{requests:?}");
        let has_account = code != "signups_paused";
        assert_eq!(requests.contains(&"DELETE /api/user/me".to_owned()), has_account, "{code}");
    }
}

#[tokio::test]
async fn account_that_cannot_be_deleted_fails_also_a_skipped_run() {
    let api = MockApi::start().await;
    api.refuse("POST", "/api/chatroom/room/message", 503, "sending_paused").await;
    api.refuse("DELETE", "/api/user/me", 500, "internal").await;
    assert!(api.failure().await.contains("step \"delete account\": 500 internal"));
}

#[tokio::test]
async fn exhausted_quota_of_a_new_account_is_a_failure_unless_the_limit_is_zero() {
    let api = MockApi::start().await;
    api.refuse("POST", "/api/chatroom/room/message", 429, "daily_quota_exhausted").await;
    assert!(api.failure().await.contains("429 daily_quota_exhausted"));
    let report = api.run_with(&[("BASIC_DAILY_MESSAGE_LIMIT", "0")]).await;
    assert_eq!(report.failure(), None, "{report}");
    assert!(report.summary().contains("BASIC_DAILY_MESSAGE_LIMIT is 0"), "{}", report.summary());
}

#[tokio::test]
async fn rate_limit_is_a_failure() {
    let api = MockApi::start().await;
    api.refuse("POST", "/api/chatroom", 429, "rate_limited").await;
    assert!(api.failure().await.contains("step \"create chatroom\": 429 rate_limited"));
}
