//! The ends of streams: of the answer, of the right to read it, or of the function.

use std::time::Duration;

use clients::gemini::GenerateError;
use serde_json::json;

use super::{CHAT, ask, body, last_job, next, open, post, problem, rest, resume, start, types, with};
use crate::tests::{claim, deliver, flush, start_with_frequent_heartbeats};

#[tokio::test]
async fn stream_ends_before_the_function_with_an_error() {
    let app = start().await;
    let user = app.user().await;
    let request = post(&app, &user, body(CHAT, "m1", "hello")).time_left(Duration::from_millis(5_300));
    let mut stream = request.open().await;
    flush(&mut claim(&app, &last_job(&app), 1).await, "half").await;
    let chunks = rest(&mut stream).await;
    assert_eq!((types(&chunks).last(), stream.retry), (Some(&"error"), None));
    let problem = problem(&chunks);
    assert_eq!((&problem["status"], &problem["resume"]), (&json!(503), &json!(true)));
    assert_eq!(app.app.redis.count_streams(user.id).await.unwrap(), 0);
    let mut resumed = resume(&app, &user, CHAT).open().await;
    assert_eq!(next(&mut resumed).await, chunks[0]);
}

#[tokio::test]
async fn failed_answer_is_an_error_that_names_the_reason() {
    let app = start().await;
    let user = app.user().await;
    app.model.fail_with(GenerateError::BlockedPrompt { reason: "SAFETY".to_owned() });
    let chunks = ask(&app, &user, body(CHAT, "m1", "hello")).await;
    assert_eq!(types(&chunks), ["start", "error"]);
    let problem = problem(&chunks);
    assert_eq!((&problem["code"], &problem["is_retryable"]), (&json!("blocked_by_safety"), &json!(false)));
    assert!(!problem["request_id"].as_str().unwrap().is_empty());
    // The page tries again.
    let again = ask(&app, &user, with(body(CHAT, "m1", "hello"), "trigger", "regenerate-message")).await;
    assert_eq!(types(&again).last(), Some(&"[DONE]"));
}

#[tokio::test]
async fn waits_are_transient_and_text_of_an_attempt_that_failed_is_never_joined() {
    let app = start().await;
    let user = app.user().await;
    app.model.fail_after("half an answer", GenerateError::Overloaded { status: 503, retry_delay: None });
    let mut stream = open(&app, &user, body(CHAT, "m1", "hello")).await;
    let generation = last_job(&app);
    deliver(&app, &generation).await;
    let mut seen = Vec::new();
    while seen.last().is_none_or(|chunk: &serde_json::Value| chunk["data"]["waiting_for"] != "retry") {
        seen.push(stream.next().await.unwrap().data);
    }
    let waiting = seen.last().unwrap();
    assert_eq!((&waiting["type"], &waiting["transient"]), (&json!("data-status"), &json!(true)));
    assert!(waiting["data"]["retry_at"].is_string());
    app.advance(Duration::from_secs(10));
    let (torn, ()) = tokio::join!(rest(&mut stream), deliver(&app, &generation));
    assert_eq!(types(&torn).last(), Some(&"error"), "{torn:?}");
    assert_eq!(problem(&torn)["resume"], true);
}

#[tokio::test]
async fn stopped_answer_ends_without_an_error() {
    let app = start().await;
    let user = app.user().await;
    let mut stream = open(&app, &user, body(CHAT, "m1", "hello")).await;
    let start = next(&mut stream).await;
    let question = start["messageMetadata"]["question_id"].as_str().unwrap();
    let path = format!("/api/chatroom/message/{question}/cancel");
    // The stream has its place, and so its position in the notices, once it reads on.
    let cancelling = async {
        while app.app.redis.count_streams(user.id).await.unwrap() == 0 {
            tokio::task::yield_now().await;
        }
        app.request("POST", &path).by(&user).send().await.expect(200)
    };
    let (chunks, _) = tokio::join!(rest(&mut stream), cancelling);
    assert_eq!(types(&chunks), ["finish", "[DONE]"]);
    assert_eq!(chunks[chunks.len() - 2]["finishReason"], "other");
}

#[tokio::test]
async fn another_answer_requested_elsewhere_ends_the_stream_of_the_former() {
    let app = start_with_frequent_heartbeats().await;
    let user = app.user().await;
    let mut stream = open(&app, &user, body(CHAT, "m1", "hello")).await;
    let start = next(&mut stream).await;
    let question = start["messageMetadata"]["question_id"].as_str().unwrap();
    let other = uuid::Uuid::new_v4();
    app.execute(&format!(
        "UPDATE generations SET status = 'failed', error_code = 'internal', sweep_at = NULL WHERE id = '{question}';
        INSERT INTO generations (id, question_id, number, chatroom_id, user_id, position, status, fence, quota_day,
            sweep_at, created_at, updated_at)
        SELECT '{other}', question_id, 2, chatroom_id, user_id, position + 1, 'pending', fence + 1, quota_day,
            now() + interval '1 minute', now(), now() FROM generations WHERE id = '{question}';
        UPDATE messages SET active_generation_id = '{other}' WHERE id = '{question}'"
    ))
    .await;
    let chunks = rest(&mut stream).await;
    assert_eq!((types(&chunks), &problem(&chunks)["resume"]), (vec!["error"], &json!(true)));
    let resumed = next(&mut resume(&app, &user, CHAT).open().await).await;
    assert_eq!(resumed["messageId"], format!("answer-{other}"));
}

#[tokio::test]
async fn stream_ends_with_the_session_and_gives_signs_of_life_before() {
    let app = start_with_frequent_heartbeats().await;
    let user = app.user().await;
    let mut stream = open(&app, &user, body(CHAT, "m1", "hello")).await;
    assert_eq!(next(&mut stream).await["type"], "start");
    let _ = stream.next().await.unwrap();
    stream.comment().await;
    let claims = app.app.tokens().unwrap().verify(&user.token, app.app.clock.now()).unwrap();
    app.execute(&format!("DELETE FROM sessions WHERE id = '{}'", claims.sid)).await;
    app.app.redis.mark_sessions_ended(&[claims.sid]).await.unwrap();
    assert_eq!(problem(&rest(&mut stream).await)["code"], "not_authenticated");
}

#[tokio::test]
async fn title_is_transient() {
    let app = start_with_frequent_heartbeats().await;
    let user = app.user().await;
    let mut stream = open(&app, &user, body(CHAT, "m1", "hello")).await;
    next(&mut stream).await;
    let _ = stream.next().await.unwrap();
    app.execute("UPDATE chatrooms SET name = 'Trip to Lisbon'").await;
    let title = stream.next().await.unwrap().data;
    let expected = json!({ "type": "data-title", "data": { "name": "Trip to Lisbon" }, "transient": true });
    assert_eq!(title, expected);
}

#[tokio::test]
async fn fourth_stream_replaces_the_oldest_one() {
    let app = start().await;
    let user = app.user().await;
    let mut first = open(&app, &user, body(CHAT, "m1", "hello")).await;
    flush(&mut claim(&app, &last_job(&app), 1).await, "a").await;
    let mut others = Vec::new();
    for _ in 0..3 {
        let stream = others.last_mut().unwrap_or(&mut first);
        // With the text it also has its place.
        while next(stream).await["type"] != "text-delta" {}
        // Places are in the order of the clock.
        app.advance(Duration::from_millis(1));
        others.push(resume(&app, &user, CHAT).open().await);
    }
    while next(&mut others[2]).await["type"] != "text-delta" {}
    let problem = problem(&rest(&mut first).await);
    assert_eq!((&problem["code"], &problem["resume"]), (&json!("stream_replaced"), &json!(null)));
}
