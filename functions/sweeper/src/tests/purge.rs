//! Deleting accounts and expired sessions.

use std::time::Duration;

use store::account_deletion;

use super::{MINUTE, send_message, start};
use crate::{SweepSummary, sweep};

#[tokio::test]
async fn unfinished_deletions_and_expired_sessions_are_purged() {
    let app = start().await;
    let ((user, _), (other, _)) = (send_message(&app).await, send_message(&app).await);
    let hash: String = app.query_value("SELECT password_hash FROM users LIMIT 1").await;
    app.execute(&format!("UPDATE users SET password_hash = '{hash}'")).await;
    let mut db = app.app.db().await.unwrap();
    let _ =
        account_deletion::start(&mut db, user.id, &hash, b"h", app.app.clock.now()).await.unwrap().unwrap();
    assert_eq!(sweep(&app.app).await.unwrap().purged, 0, "the request may still be deleting it");
    app.execute("UPDATE messages SET sweep_at = now() + interval '1 hour'").await;
    app.advance(MINUTE);
    assert_eq!(
        sweep(&app.app).await.unwrap(),
        SweepSummary { resent: 0, failed: 0, purged: 1, ..SweepSummary::default() }
    );
    assert_eq!(app.query_value::<String>("SELECT id::text FROM users").await, other.id.to_string());
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM messages").await, 1);
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM sessions").await, 1);
    app.advance(Duration::from_hours(30 * 24));
    let _ = sweep(&app.app).await.unwrap();
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM sessions").await, 0);
}

#[tokio::test]
async fn actions_of_operators_are_kept_for_two_years() {
    let app = start().await;
    let now = app.app.clock.now().to_rfc3339();
    app.execute(&format!(
        "INSERT INTO operator_actions (operator_id, action, target_type, target_id, result, created_at)
         SELECT gen_random_uuid(), 'view_account', 'account', gen_random_uuid(), 'viewed', '{now}'::timestamptz - age
         FROM (VALUES (interval '730 days 1 minute'), (interval '729 days')) AS ages (age)"
    ))
    .await;
    let _ = sweep(&app.app).await.unwrap();
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM operator_actions").await, 1);
}
