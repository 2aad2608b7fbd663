//! Sweeping, in this process: real Postgres and Redis, queues that do what the test says.

use std::time::Duration;

use domain::message::ErrorCode;
use serde_json::json;
use store::account_deletion;
use store::messages::processing::{self, Claim, Lease};
use testkit::{Person, TestApp};
use uuid::Uuid;

use crate::{SweepError, Swept, sweep, sweep_at_intervals, sweep_unless_idle};

const MINUTE: Duration = Duration::from_mins(1);

async fn start() -> TestApp {
    TestApp::serving(chatroom::routes()).start().await
}

async fn sent(app: &TestApp) -> (Person, String) {
    let person = app.person().await;
    let room = app.room(&person).await;
    let id = app.message(&person, &room, "hello").await;
    (person, id)
}

fn job(id: &str) -> String {
    json!({ "version": 1, "type": "answer_message", "message_id": id }).to_string()
}

#[tokio::test]
async fn a_stranded_message_is_sent_again_ever_more_rarely() {
    let app = start().await;
    let (_, id) = sent(&app).await;
    let resends = |expected: &[i32]| {
        let sent: Vec<i32> = app.queue.resends().into_iter().filter(|resend| *resend > 0).collect();
        assert_eq!(sent, expected);
    };
    assert_eq!(sweep(&app.app).await.unwrap().resent, 0);
    app.advance(MINUTE);
    assert_eq!(sweep(&app.app).await.unwrap(), Swept { resent: 1, buried: 0, purged: 0, repaired: 0 });
    resends(&[1]);
    app.advance(MINUTE);
    assert_eq!(sweep(&app.app).await.unwrap().resent, 0);
    app.advance(MINUTE);
    assert_eq!(sweep(&app.app).await.unwrap().resent, 1);
    resends(&[1, 2]);
    assert!(app.queue.sent().iter().all(|(_, message)| message.to_string() == id));
}

#[tokio::test]
async fn what_somebody_holds_or_nobody_waits_for_is_left_alone() {
    let app = start().await;
    let (_, id) = sent(&app).await;
    let (db, now, owner) = (app.app.db().await.unwrap(), app.app.clock.now(), Uuid::new_v4());
    let claim = processing::claim_next_message(&db, id.parse().unwrap(), owner, now, now + MINUTE * 5, 50)
        .await
        .unwrap();
    assert!(matches!(claim, Claim::Claimed(_)));
    app.advance(MINUTE * 5);
    assert_eq!(sweep(&app.app).await.unwrap().resent, 0);
    app.advance(MINUTE);
    assert_eq!(sweep(&app.app).await.unwrap().resent, 1);
    let lease = Lease { message_id: id.parse().unwrap(), owner };
    assert!(processing::fail_message(&db, lease, ErrorCode::Timeout, app.app.clock.now()).await.unwrap());
    app.advance(MINUTE * 200);
    assert_eq!(sweep(&app.app).await.unwrap().resent, 0);
}

#[tokio::test]
async fn sweeps_beside_each_other_send_each_message_once() {
    let app = start().await;
    let person = app.person().await;
    app.set_tier(&person, domain::Tier::Pro).await;
    let room = app.room(&person).await;
    for _ in 0..20 {
        app.message(&person, &room, "hello").await;
    }
    app.advance(MINUTE);
    let (one, other) = tokio::join!(sweep(&app.app), sweep(&app.app));
    assert_eq!(one.unwrap().resent + other.unwrap().resent, 20);
    assert_eq!(app.queue.resends().into_iter().filter(|resend| *resend == 1).count(), 20);
}

#[tokio::test]
async fn a_message_that_cannot_be_sent_has_its_turn_again() {
    let app = start().await;
    let _ = sent(&app).await;
    app.advance(MINUTE);
    app.queue.break_down();
    assert_eq!(sweep(&app.app).await.unwrap().resent, 0);
    app.queue.repair();
    app.advance(MINUTE * 2);
    assert_eq!(sweep(&app.app).await.unwrap().resent, 1);
}

#[tokio::test]
async fn a_dead_letter_fails_its_message_once_and_gives_the_unit_back() {
    let app = start().await;
    let (person, id) = sent(&app).await;
    app.execute("UPDATE messages SET attempts = 3").await;
    app.dead_letters.put(&job(&id));
    app.dead_letters.put(&job(&id));
    assert_eq!(sweep(&app.app).await.unwrap(), Swept { resent: 0, buried: 1, purged: 0, repaired: 0 });
    let path = format!("/api/chatroom/message/{id}/status");
    let status = app.request("GET", &path).by(&person).send().await.expect(200).body["message"].clone();
    assert_eq!((&status["processing_status"], &status["error_code"]), (&json!("failed"), &json!("internal")));
    assert_eq!(app.stored::<i32>("SELECT messages FROM daily_usage").await, 0);
    assert_eq!(app.dead_letters.left(), 0);
}

#[tokio::test]
async fn a_dead_letter_put_back_too_often_is_given_up_counting_from_its_last_revival() {
    let app = start().await;
    let (_, id) = sent(&app).await;
    app.execute("UPDATE messages SET resends = 12, resends_before = 3").await;
    app.dead_letters.put(&job(&id));
    assert_eq!(sweep(&app.app).await.unwrap().buried, 0);
    app.execute("UPDATE messages SET resends = 13").await;
    app.dead_letters.put(&job(&id));
    assert_eq!(sweep(&app.app).await.unwrap().buried, 1);
}

#[tokio::test]
async fn a_dead_letter_that_cannot_be_read_stays() {
    let app = start().await;
    app.dead_letters.put("{\"version\": 9}");
    app.dead_letters.put(&job("018f0000-0000-7000-8000-00000000ffff"));
    assert_eq!(sweep(&app.app).await.unwrap().buried, 0);
    assert_eq!(app.dead_letters.left(), 1);
}

#[tokio::test]
async fn a_dead_letter_whose_attempts_are_not_used_up_is_put_back() {
    let app = start().await;
    let (_, id) = sent(&app).await;
    app.dead_letters.put(&job(&id));
    assert_eq!(sweep(&app.app).await.unwrap(), Swept { resent: 0, buried: 0, purged: 0, repaired: 0 });
    assert_eq!(app.dead_letters.left(), 0);
    app.advance(MINUTE);
    assert_eq!(sweep(&app.app).await.unwrap().resent, 1);
}

#[tokio::test]
async fn what_a_deletion_has_left_and_sessions_that_are_over_are_deleted() {
    let app = start().await;
    let ((person, _), (other, _)) = (sent(&app).await, sent(&app).await);
    let hash: String = app.stored("SELECT password_hash FROM users LIMIT 1").await;
    app.execute(&format!("UPDATE users SET password_hash = '{hash}'")).await;
    let mut db = app.app.db().await.unwrap();
    let _ = account_deletion::start(&mut db, person.id, &hash, app.app.clock.now()).await.unwrap().unwrap();
    assert_eq!(sweep(&app.app).await.unwrap().purged, 0, "the request may still be at it");
    app.execute("UPDATE messages SET sweep_at = now() + interval '1 hour'").await;
    app.advance(MINUTE);
    assert_eq!(sweep(&app.app).await.unwrap(), Swept { resent: 0, buried: 0, purged: 1, repaired: 0 });
    assert_eq!(app.stored::<String>("SELECT id::text FROM users").await, other.id.to_string());
    assert_eq!(app.stored::<i64>("SELECT count(*) FROM messages").await, 1);
    assert_eq!(app.stored::<i64>("SELECT count(*) FROM sessions").await, 1);
    app.advance(Duration::from_hours(30 * 24));
    let _ = sweep(&app.app).await.unwrap();
    assert_eq!(app.stored::<i64>("SELECT count(*) FROM sessions").await, 0);
}

/// Sweeps, as if the one before had been a minute ago.
async fn sweep_later(app: &TestApp) -> Result<Swept, SweepError> {
    sweep_at_intervals(&app.app, Duration::ZERO).await
}

/// Sweeps and answers whether the database was asked: where its table is not there, a sweep that asks it fails.
async fn asks_the_database(app: &TestApp) -> bool {
    app.execute("ALTER TABLE messages RENAME TO hidden").await;
    let swept = sweep_later(app).await;
    app.execute("ALTER TABLE hidden RENAME TO messages").await;
    swept.is_err()
}

/// A Redis that nobody else counts requests in.
async fn alone() -> TestApp {
    let url = std::env::var("TEST_REDIS_URL").unwrap();
    let (server, _) = url.rsplit_once('/').unwrap();
    let url = format!("{server}/9");
    TestApp::serving(chatroom::routes()).var("REDIS_URL", &url).start().await
}

#[tokio::test]
async fn the_database_is_let_sleep_while_nobody_asks_for_anything() {
    let app = alone().await;
    let (person, id) = sent(&app).await;
    // While a message is unfinished nothing is quiet.
    for _ in 0..3 {
        let _ = sweep_later(&app).await.unwrap();
    }
    assert!(asks_the_database(&app).await);
    app.execute("UPDATE messages SET processing_status = 'failed', error_code = 'internal', sweep_at = NULL")
        .await;
    // Two sweeps at once show nothing, nor does one.
    for _ in 0..3 {
        let _ = sweep_unless_idle(&app.app).await.unwrap();
        assert!(asks_the_database(&app).await);
    }
    let _ = sweep_later(&app).await.unwrap();
    assert!(!asks_the_database(&app).await);
    // Whatever is asked for, there is a sweep again; and another, until nothing is found twice.
    let path = format!("/api/chatroom/message/{id}/status");
    let _ = app.request("GET", &path).by(&person).send().await.expect(200);
    for _ in 0..2 {
        assert!(asks_the_database(&app).await);
        let _ = sweep_later(&app).await.unwrap();
    }
    assert!(!asks_the_database(&app).await);
    app.app.redis.note_activity().await.unwrap();
    assert!(asks_the_database(&app).await);
}
