//! Cancelling messages whose worker died before it could stop.

use std::time::Duration;

use store::generations::claiming::{self, Claim};
use uuid::Uuid;

use super::{MINUTE, job, send_message, start};
use crate::{SweepSummary, sweep};

#[tokio::test]
async fn message_is_cancelled_once_the_lease_of_its_dead_worker_is_over() {
    let app = start().await;
    let (user, id) = send_message(&app).await;
    let (db, now, lease) = (app.app.db().await.unwrap(), app.app.clock.now(), Duration::from_secs(20));
    let claim =
        claiming::claim_next(&db, id.parse().unwrap(), Uuid::new_v4(), now, now + lease).await.unwrap();
    assert!(matches!(claim, Claim::Claimed(_)), "{claim:?}");
    app.execute("UPDATE generations SET attempts = 3, cancel_requested_at = now()").await;
    // Its dead letter does not make it a failure.
    app.dead_letters.add(&job(&id));
    assert_eq!(sweep(&app.app).await.unwrap(), SweepSummary::default());
    app.advance(lease);
    app.dead_letters.add(&job(&id));
    assert_eq!(sweep(&app.app).await.unwrap(), SweepSummary { cancelled: 1, ..SweepSummary::default() });
    let path = format!("/api/chatroom/message/{id}/status");
    let status = app.request("GET", &path).by(&user).send().await.expect(200).body["message"].clone();
    assert_eq!(status["processing_status"], "cancelled");
    assert_eq!(app.query_value::<i32>("SELECT messages FROM daily_usage").await, 1);
    app.advance(MINUTE * 5);
    assert_eq!(sweep(&app.app).await.unwrap(), SweepSummary::default());
}
