//! Suspending sweeps while the service is idle.

use std::time::Duration;

use testkit::TestApp;

use super::send_message;
use crate::{SweepError, SweepSummary, sweep_at_interval, sweep_unless_idle};

/// Sweeps as if the previous sweep was a minute ago.
async fn sweep_later(app: &TestApp) -> Result<SweepSummary, SweepError> {
    sweep_at_interval(&app.app, Duration::ZERO).await
}

/// Sweeps and returns whether that queried the database. A query fails, because its table is
/// renamed.
async fn sweep_queries_the_database(app: &TestApp) -> bool {
    app.execute("ALTER TABLE messages RENAME TO hidden").await;
    let swept = sweep_later(app).await;
    app.execute("ALTER TABLE hidden RENAME TO messages").await;
    swept.is_err()
}

/// An application with a Redis database of its own, in which no other test counts requests.
async fn start_with_own_redis() -> TestApp {
    let url = std::env::var("TEST_REDIS_URL").unwrap();
    let (server, _) = url.rsplit_once('/').unwrap();
    let url = format!("{server}/9");
    TestApp::serving(chatroom::routes()).var("REDIS_URL", &url).start().await
}

#[tokio::test]
async fn sweeps_stop_querying_the_database_while_the_service_is_idle() {
    let app = start_with_own_redis().await;
    let (user, id) = send_message(&app).await;
    // An unfinished message keeps the service active.
    for _ in 0..3 {
        let _ = sweep_later(&app).await.unwrap();
    }
    assert!(sweep_queries_the_database(&app).await);
    app.execute("UPDATE messages SET processing_status = 'failed', error_code = 'internal', sweep_at = NULL")
        .await;
    // Empty sweeps in quick succession count as one, and one is not enough.
    for _ in 0..3 {
        let _ = sweep_unless_idle(&app.app).await.unwrap();
        assert!(sweep_queries_the_database(&app).await);
    }
    let _ = sweep_later(&app).await.unwrap();
    assert!(!sweep_queries_the_database(&app).await);
    // After a request, sweeps take place until two are empty again.
    let path = format!("/api/chatroom/message/{id}/status");
    let _ = app.request("GET", &path).by(&user).send().await.expect(200);
    for _ in 0..2 {
        assert!(sweep_queries_the_database(&app).await);
        let _ = sweep_later(&app).await.unwrap();
    }
    assert!(!sweep_queries_the_database(&app).await);
    app.app.redis.record_activity().await.unwrap();
    assert!(sweep_queries_the_database(&app).await);
}
