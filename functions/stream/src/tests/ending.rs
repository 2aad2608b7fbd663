//! Streams that end before the answer: with the right to read, with the function, or for a newer one.

use std::time::Duration;

use testkit::{EventStream, TestApp, TestUser};

use super::{begun, flush, names, open, request, sent, start, start_with_frequent_heartbeats};

/// A stream that has shown its first status and gives signs of life.
async fn open_alive(app: &TestApp, user: &TestUser, id: &str) -> EventStream {
    let mut stream = open(app, user, id, None).await;
    stream.expect("status").await;
    stream.comment().await;
    stream
}

async fn expect_error(mut stream: EventStream, code: &str) {
    let rest = stream.rest().await;
    assert_eq!(names(&rest), ["error"]);
    assert_eq!(rest[0].data["code"], code);
    assert!(rest[0].data["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
    assert_eq!(rest[0].id, None);
}

#[tokio::test]
async fn stream_ends_with_the_session() {
    let app = start_with_frequent_heartbeats().await;
    let (user, id) = sent(&app).await;
    let stream = open_alive(&app, &user, &id).await;
    let claims = app.app.tokens().unwrap().verify(&user.token, app.app.clock.now()).unwrap();
    app.execute(&format!("DELETE FROM sessions WHERE id = '{}'", claims.sid)).await;
    app.app.redis.mark_sessions_ended(&[claims.sid]).await.unwrap();
    expect_error(stream, "not_authenticated").await;
}

#[tokio::test]
async fn stream_ends_with_the_token() {
    let app = start_with_frequent_heartbeats().await;
    let (user, id) = sent(&app).await;
    let stream = open_alive(&app, &user, &id).await;
    app.advance(app.app.config.jwt_lifetime + Duration::from_secs(1));
    expect_error(stream, "not_authenticated").await;
}

#[tokio::test]
async fn stream_ends_with_the_account() {
    let app = start_with_frequent_heartbeats().await;
    let (user, id) = sent(&app).await;
    let stream = open_alive(&app, &user, &id).await;
    app.execute(&format!("UPDATE users SET suspended_at = now() WHERE id = '{}'", user.id)).await;
    let claims = app.app.tokens().unwrap().verify(&user.token, app.app.clock.now()).unwrap();
    app.app.redis.mark_sessions_changed(&[claims.sid]).await.unwrap();
    expect_error(stream, "account_suspended").await;
}

#[tokio::test]
async fn stream_ends_with_the_chatroom() {
    let app = start_with_frequent_heartbeats().await;
    let (user, id) = sent(&app).await;
    let stream = open_alive(&app, &user, &id).await;
    app.execute(&format!("DELETE FROM messages WHERE id = '{id}'")).await;
    expect_error(stream, "not_found").await;
}

#[tokio::test]
async fn new_name_of_the_chatroom_is_shown() {
    let app = start_with_frequent_heartbeats().await;
    let (user, id) = sent(&app).await;
    let mut stream = open_alive(&app, &user, &id).await;
    app.execute("UPDATE chatrooms SET name = 'Trip to Lisbon'").await;
    assert_eq!(stream.expect("title").await.data["name"], "Trip to Lisbon");
}

#[tokio::test]
async fn lost_end_is_found_at_a_sign_of_life() {
    let app = start_with_frequent_heartbeats().await;
    let (user, id) = sent(&app).await;
    let mut stream = open_alive(&app, &user, &id).await;
    // As the sweeper does for a dead worker: it writes nothing to Redis.
    app.execute(&format!(
        "UPDATE generations SET status = 'failed', error_code = 'internal', sweep_at = NULL WHERE id = '{id}'"
    ))
    .await;
    let done = stream.expect("done").await;
    assert_eq!(done.data["message"]["error_code"], "internal");
}

#[tokio::test]
async fn stream_ends_before_the_function_and_says_when_to_come_back() {
    let app = start().await;
    let (user, id, mut writer) = begun(&app, "a").await;
    let mut stream = request(&app, &user, &id).time_left(Duration::from_millis(5_300)).open().await;
    let events = stream.rest().await;
    assert_eq!((names(&events), stream.retry), (vec!["status", "delta"], Some(500)));
    // The place is free at once.
    assert_eq!(app.app.redis.count_streams(user.id).await.unwrap(), 0);
    let mut next = open(&app, &user, &id, events[1].id.as_deref()).await;
    next.expect("status").await;
    flush(&mut writer, "b").await;
    assert_eq!(next.expect("delta").await.data["text"], "b");
}

#[tokio::test]
async fn reader_that_was_cut_off_takes_its_own_place_and_ends_no_other_stream() {
    let app = start().await;
    let (user, id, mut writer) = begun(&app, "a").await;
    let mut streams = Vec::new();
    for reader in ["tab-1", "tab-2", "tab-3", "tab-3", "tab-3"] {
        let mut stream = request(&app, &user, &id).query("reader", reader).open().await;
        stream.expect("status").await;
        stream.expect("delta").await;
        streams.push(stream);
        app.advance(Duration::from_millis(1));
    }
    for replaced in &mut streams[2..4] {
        assert_eq!(names(&replaced.rest().await), ["replaced"]);
    }
    flush(&mut writer, "b").await;
    for open in [0, 1, 4] {
        assert_eq!(streams[open].expect("delta").await.data["text"], "b");
    }
}

#[tokio::test]
async fn name_of_a_reader_is_checked() {
    let app = start().await;
    let (user, id) = sent(&app).await;
    for name in ["", "a b", "ü", &"a".repeat(65)] {
        request(&app, &user, &id).query("reader", name).send().await.expect_invalid(&["reader"]);
    }
}

#[tokio::test]
async fn fourth_stream_ends_the_oldest_one() {
    let app = start().await;
    let (user, id, mut writer) = begun(&app, "a").await;
    let mut streams = Vec::new();
    for _ in 0..4 {
        let mut stream = open(&app, &user, &id, None).await;
        stream.expect("status").await;
        // With the text it also has its place.
        stream.expect("delta").await;
        streams.push(stream);
        // Places are in the order of the clock.
        app.advance(Duration::from_millis(1));
    }
    let rest = streams[0].rest().await;
    assert_eq!(names(&rest), ["replaced"]);
    assert_eq!(app.metrics.values("StreamsReplaced"), [1.0]);
    // A tab that was replaced does not come back, or two tabs would replace each other in turns.
    let last = rest[0].id.clone().unwrap();
    let _ = request(&app, &user, &id).header("last-event-id", &last).send().await.expect(204);
    flush(&mut writer, "b").await;
    for stream in &mut streams[1..] {
        assert_eq!(stream.expect("delta").await.data["text"], "b");
    }
    // Another user's streams are counted apart.
    assert_eq!(app.app.redis.count_streams(user.id).await.unwrap(), 3);
}
