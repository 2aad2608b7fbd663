//! Resending stranded messages.

use domain::message::ErrorCode;
use store::generations::claiming::{self, Claim};
use store::generations::processing::{self, Lease};
use uuid::Uuid;

use super::{MINUTE, send_message, start};
use crate::{SweepSummary, sweep};

#[tokio::test]
async fn stranded_message_is_resent_with_growing_delay() {
    let app = start().await;
    let (_, id) = send_message(&app).await;
    let resends = |expected: &[i32]| {
        let sent: Vec<i32> = app.queue.resends().into_iter().filter(|resend| *resend > 0).collect();
        assert_eq!(sent, expected);
    };
    assert_eq!(sweep(&app.app).await.unwrap().resent, 0);
    app.advance(MINUTE);
    assert_eq!(
        sweep(&app.app).await.unwrap(),
        SweepSummary { resent: 1, failed: 0, purged: 0, ..SweepSummary::default() }
    );
    resends(&[1]);
    app.advance(MINUTE);
    assert_eq!(sweep(&app.app).await.unwrap().resent, 0);
    app.advance(MINUTE);
    assert_eq!(sweep(&app.app).await.unwrap().resent, 1);
    resends(&[1, 2]);
    assert!(app.queue.sent().iter().all(|(_, message)| message.to_string() == id));
}

#[tokio::test]
async fn resent_message_keeps_its_trace_and_its_request() {
    let app = start().await;
    let _ = send_message(&app).await;
    app.advance(MINUTE);
    assert_eq!(sweep(&app.app).await.unwrap().resent, 1);
    let origins = app.queue.origins();
    assert!(origins.len() == 2 && origins[0].is_some(), "{origins:?}");
    assert_eq!(origins[0], origins[1]);
}

#[tokio::test]
async fn message_of_the_previous_release_is_resent_without_a_trace() {
    let app = start().await;
    let _ = send_message(&app).await;
    app.execute("UPDATE generations SET traceparent = NULL, request_id = NULL").await;
    app.advance(MINUTE);
    assert_eq!(sweep(&app.app).await.unwrap().resent, 1);
    assert_eq!(app.queue.origins().last(), Some(&None));
}

#[tokio::test]
async fn leased_and_failed_messages_are_not_resent() {
    let app = start().await;
    let (_, id) = send_message(&app).await;
    let (db, now, owner) = (app.app.db().await.unwrap(), app.app.clock.now(), Uuid::new_v4());
    let generation_id = id.parse().unwrap();
    let claim = claiming::claim_next(&db, generation_id, owner, now, now + MINUTE * 5).await.unwrap();
    assert!(matches!(claim, Claim::Claimed(_)));
    app.advance(MINUTE * 5);
    assert_eq!(sweep(&app.app).await.unwrap().resent, 0);
    app.advance(MINUTE);
    assert_eq!(sweep(&app.app).await.unwrap().resent, 1);
    let lease = Lease { generation_id, owner };
    assert!(processing::fail(&db, lease, ErrorCode::Timeout, app.app.clock.now()).await.unwrap());
    app.advance(MINUTE * 200);
    assert_eq!(sweep(&app.app).await.unwrap().resent, 0);
}

#[tokio::test]
async fn concurrent_sweeps_resend_each_message_once() {
    let app = start().await;
    let user = app.user().await;
    app.set_tier(&user, domain::Tier::Pro).await;
    let chatroom = app.create_chatroom(&user).await;
    for _ in 0..20 {
        app.send_message(&user, &chatroom, "hello").await;
    }
    app.advance(MINUTE);
    let (one, other) = tokio::join!(sweep(&app.app), sweep(&app.app));
    assert_eq!(one.unwrap().resent + other.unwrap().resent, 20);
    assert_eq!(app.queue.resends().into_iter().filter(|resend| *resend == 1).count(), 20);
}

#[tokio::test]
async fn message_is_resent_later_when_the_queue_fails() {
    let app = start().await;
    let _ = send_message(&app).await;
    app.advance(MINUTE);
    app.queue.fail_requests();
    assert_eq!(sweep(&app.app).await.unwrap().resent, 0);
    app.queue.recover();
    app.advance(MINUTE * 2);
    assert_eq!(sweep(&app.app).await.unwrap().resent, 1);
}
