//! Emptying the dead-letter queue.

use serde_json::json;

use super::{MINUTE, job, send_message, start};
use crate::{SweepSummary, sweep};

#[tokio::test]
async fn dead_letter_fails_its_message_once_and_refunds_the_quota_unit() {
    let app = start().await;
    let (user, id) = send_message(&app).await;
    app.execute("UPDATE messages SET attempts = 3").await;
    app.dead_letters.add(&job(&id));
    app.dead_letters.add(&job(&id));
    assert_eq!(
        sweep(&app.app).await.unwrap(),
        SweepSummary { resent: 0, failed: 1, purged: 0, ..SweepSummary::default() }
    );
    let path = format!("/api/chatroom/message/{id}/status");
    let status = app.request("GET", &path).by(&user).send().await.expect(200).body["message"].clone();
    assert_eq!((&status["processing_status"], &status["error_code"]), (&json!("failed"), &json!("internal")));
    assert_eq!(app.query_value::<i32>("SELECT messages FROM daily_usage").await, 0);
    assert_eq!(app.dead_letters.remaining(), 0);
    let failed = app.metrics.lines("MessagesFailed");
    assert_eq!(failed.len(), 1);
    assert_eq!((&failed[0]["ErrorCode"], &failed[0]["Cause"]), (&json!("internal"), &json!("service")));
}

#[tokio::test]
async fn message_fails_after_too_many_resends_since_its_last_retry() {
    let app = start().await;
    let (_, id) = send_message(&app).await;
    app.execute("UPDATE messages SET resends = 12, resends_before = 3").await;
    app.dead_letters.add(&job(&id));
    assert_eq!(sweep(&app.app).await.unwrap().failed, 0);
    app.execute("UPDATE messages SET resends = 13").await;
    app.dead_letters.add(&job(&id));
    assert_eq!(sweep(&app.app).await.unwrap().failed, 1);
}

#[tokio::test]
async fn unreadable_dead_letter_stays_on_the_queue() {
    let app = start().await;
    app.dead_letters.add("{\"version\": 9}");
    app.dead_letters.add(&job("018f0000-0000-7000-8000-00000000ffff"));
    assert_eq!(sweep(&app.app).await.unwrap().failed, 0);
    assert_eq!(app.dead_letters.remaining(), 1);
}

#[tokio::test]
async fn dead_letter_with_attempts_left_is_resent() {
    let app = start().await;
    let (_, id) = send_message(&app).await;
    app.dead_letters.add(&job(&id));
    assert_eq!(
        sweep(&app.app).await.unwrap(),
        SweepSummary { resent: 0, failed: 0, purged: 0, ..SweepSummary::default() }
    );
    assert_eq!(app.dead_letters.remaining(), 0);
    app.advance(MINUTE);
    assert_eq!(sweep(&app.app).await.unwrap().resent, 1);
}
