//! Readers that come later, and texts that start again.

use clients::redis::live_text::Ending;
use domain::message::ProcessingStatus;
use serde_json::json;

use super::{CHAT, ask, body, last_job, next, open, problem, rest, resume, start, text, types};
use crate::tests::{claim, deliver, flush, store_answer};

#[tokio::test]
async fn nothing_is_resumed_where_nothing_is_written() {
    let app = start().await;
    let (user, other) = (app.user().await, app.user().await);
    let _ = resume(&app, &user, CHAT).send().await.expect(204);
    let mut stream = open(&app, &user, body(CHAT, "m1", "hello")).await;
    let room = next(&mut stream).await["messageMetadata"]["chatroom_id"].as_str().unwrap().to_owned();
    for chat in [CHAT, &room] {
        let _ = resume(&app, &other, chat).send().await.expect(204);
        assert_eq!(next(&mut resume(&app, &user, chat).open().await).await["type"], "start");
    }
    deliver(&app, &last_job(&app)).await;
    for chat in [CHAT, &room] {
        let nothing = resume(&app, &user, chat).send().await.expect(204);
        assert_eq!(nothing.header("content-type"), None);
    }
    let _ = app.request("GET", &format!("/api/chat/{CHAT}/stream")).send().await.expect(401);
}

#[tokio::test]
async fn resumed_stream_has_all_text_under_the_same_id() {
    let app = start().await;
    let user = app.user().await;
    let mut first = open(&app, &user, body(CHAT, "m1", "hello")).await;
    let start = next(&mut first).await;
    let mut writer = claim(&app, &last_job(&app), 1).await;
    flush(&mut writer, "Grü").await;
    flush(&mut writer, "ße ").await;
    drop(first);
    let mut resumed = resume(&app, &user, CHAT).open().await;
    assert_eq!(next(&mut resumed).await, start);
    assert_eq!(next(&mut resumed).await["type"], "text-start");
    assert_eq!(next(&mut resumed).await["delta"], "Grüße ");
    flush(&mut writer, "😀").await;
    assert_eq!(next(&mut resumed).await["delta"], "😀");
    store_answer(&app, &last_job(&app), "Grüße 😀").await;
    writer.finish(Ending::End(ProcessingStatus::Completed)).await.unwrap();
    assert_eq!(types(&rest(&mut resumed).await), ["text-end", "finish", "[DONE]"]);
}

#[tokio::test]
async fn killed_worker_ends_the_stream_with_an_error_and_resuming_heals_it() {
    let app = start().await;
    let user = app.user().await;
    let mut first = open(&app, &user, body(CHAT, "m1", "hello")).await;
    let start = next(&mut first).await;
    flush(&mut claim(&app, &last_job(&app), 1).await, "half").await;
    assert_eq!(next(&mut first).await["type"], "text-start");
    assert_eq!(next(&mut first).await["delta"], "half");
    // The first worker has died without an end.
    let mut second = claim(&app, &last_job(&app), 2).await;
    flush(&mut second, "whole").await;
    let torn = rest(&mut first).await;
    assert_eq!(types(&torn), ["error"], "no later text, and no end that looks complete");
    let problem = problem(&torn);
    assert_eq!((&problem["code"], &problem["resume"]), (&json!("stream_interrupted"), &json!(true)));
    let mut resumed = resume(&app, &user, CHAT).open().await;
    assert_eq!(next(&mut resumed).await, start);
    store_answer(&app, &last_job(&app), "whole").await;
    second.finish(Ending::End(ProcessingStatus::Completed)).await.unwrap();
    let healed = rest(&mut resumed).await;
    assert_eq!((text(&healed), healed.last().unwrap()), ("whole".to_owned(), &json!("[DONE]")));
}

#[tokio::test]
async fn newest_question_of_the_chat_is_resumed() {
    let app = start().await;
    let user = app.user().await;
    ask(&app, &user, body(CHAT, "m1", "one")).await;
    let second = next(&mut open(&app, &user, body(CHAT, "m2", "two")).await).await;
    let resumed = next(&mut resume(&app, &user, CHAT).open().await).await;
    assert_eq!(resumed, second);
}
