//! Adding search tokens to messages that have none.

use std::time::Duration;

use testkit::{TestApp, TestUser};

use super::start;
use crate::sweep;

/// Sends messages in a new chatroom, and makes them old ones without tokens. The last one is newer
/// than an hour.
async fn old_messages(app: &TestApp, count: usize) -> TestUser {
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    for number in 0..count {
        let _ = app.send_message(&user, &chatroom, &format!("two whales {number}")).await;
    }
    app.execute(
        "UPDATE search_backfill SET finished_at = NULL;
         UPDATE messages SET search_tokens = NULL, processing_status = 'failed', sweep_at = NULL",
    )
    .await;
    user
}

async fn found(app: &TestApp, user: &TestUser, word: &str) -> usize {
    let path = format!("/api/chatroom/search?q={word}");
    let response = app.request("GET", &path).by(user).send().await.expect(200);
    response.body["results"].as_array().unwrap().len()
}

#[tokio::test]
async fn old_messages_are_found_by_words_and_after_a_sweep_by_prefixes() {
    let app = start().await;
    let user = old_messages(&app, 3).await;
    assert_eq!((found(&app, &user, "whales").await, found(&app, &user, "whale").await), (3, 0));
    app.advance(Duration::from_hours(2));
    let recent = app.create_chatroom(&user).await;
    let _ = app.send_message(&user, &recent, "two whales").await;
    app.execute("UPDATE messages SET search_tokens = NULL, sweep_at = NULL WHERE position = 1").await;
    assert_eq!(sweep(&app.app).await.unwrap().indexed, 3);
    assert_eq!((found(&app, &user, "whales").await, found(&app, &user, "whale").await), (4, 3));
    assert_eq!(sweep(&app.app).await.unwrap().indexed, 0, "the recent message is not due");
}

#[tokio::test]
async fn backfill_ends_a_day_after_the_migration() {
    const FINISHED: &str = "SELECT finished_at IS NOT NULL FROM search_backfill";
    let app = start().await;
    let user = old_messages(&app, 1).await;
    app.advance(Duration::from_hours(2));
    let _ = sweep(&app.app).await.unwrap();
    let _ = sweep(&app.app).await.unwrap();
    assert!(!app.query_value::<bool>(FINISHED).await, "the previous release may still run");
    app.advance(Duration::from_hours(24));
    let _ = sweep(&app.app).await.unwrap();
    assert!(app.query_value::<bool>(FINISHED).await);
    assert_eq!(found(&app, &user, "whale").await, 1);
}
