//! What a reader gets, from the first byte to the last one.

use std::time::Duration;

use clients::gemini::GenerateError;
use clients::redis::live_text::Ending;
use domain::message::ProcessingStatus;
use serde_json::json;

use super::{building, claim, deliver, flush, names, open, request, sent, start, state, store_answer, text};
use crate::live_body::Timing;

#[tokio::test]
async fn text_arrives_as_it_is_written_and_then_the_stored_answer() {
    let app = start().await;
    let (user, id) = sent(&app).await;
    app.model.hold();
    let mut stream = open(&app, &user, &id, None).await;
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-store"),
        ("x-accel-buffering", "no"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(stream.headers[name], value);
    }
    assert!(stream.headers.contains_key("x-request-id") && stream.headers.contains_key("ratelimit"));
    let reading = async {
        assert_eq!(state(&stream.expect("status").await), "pending");
        assert_eq!(state(&stream.expect("status").await), "processing");
        app.model.hold_in_mid_text();
        let delta = stream.expect("delta").await;
        assert_eq!((&delta.data, delta.id.as_deref()), (&json!({ "text": "Echo:" }), Some("1-2")));
        app.model.release();
        let rest = stream.rest().await;
        assert_eq!(names(&rest), ["delta", "done"]);
        assert_eq!(text(&rest), " hello");
        rest
    };
    let (rest, ()) = tokio::join!(reading, deliver(&app, &id));
    let done = &rest[1];
    assert_eq!(done.id.as_deref(), Some("1-done"));
    assert_eq!(done.data["reply"]["content"], "Echo: hello");
    assert_eq!(
        (&done.data["reply"]["finish_reason"], &done.data["message"]["id"]),
        (&json!("stop"), &json!(id))
    );
    assert_eq!(done.data["message"]["processing_status"], "completed");
}

#[tokio::test]
async fn finished_answer_comes_at_once_also_by_its_own_id() {
    let app = start().await;
    let (user, id) = sent(&app).await;
    deliver(&app, &id).await;
    let events = open(&app, &user, &id, None).await.rest().await;
    assert_eq!(names(&events), ["delta", "done"]);
    assert_eq!((text(&events), events[0].id.as_deref()), ("Echo: hello".to_owned(), Some("1-all")));
    let answer = events[1].data["reply"]["id"].as_str().unwrap();
    assert_eq!(open(&app, &user, answer, None).await.rest().await, events);
}

#[tokio::test]
async fn another_attempt_restarts_the_text() {
    let app = start().await;
    let (user, id) = sent(&app).await;
    let mut stream = open(&app, &user, &id, None).await;
    assert_eq!(state(&stream.expect("status").await), "pending");
    flush(&mut claim(&app, &id, 1).await, "half").await;
    assert_eq!(stream.expect("delta").await.data["text"], "half");
    assert_eq!(state(&stream.expect("status").await), "processing");
    // The first worker has died without an end.
    let mut second = claim(&app, &id, 2).await;
    flush(&mut second, "whole").await;
    assert_eq!(stream.expect("restart").await.id.as_deref(), Some("2-1"));
    assert_eq!(stream.expect("delta").await.data["text"], "whole");
    store_answer(&app, &id, "whole").await;
    second.finish(Ending::End(ProcessingStatus::Completed)).await.unwrap();
    assert_eq!(names(&stream.rest().await), ["done"]);
}

#[tokio::test]
async fn waits_are_shown_and_a_failure_is_final_without_text() {
    let app = start().await;
    let (user, id) = sent(&app).await;
    app.model.fail_after("half an answer", GenerateError::Overloaded { status: 503, retry_delay: None });
    deliver(&app, &id).await;
    let mut stream = open(&app, &user, &id, None).await;
    let waiting = stream.expect("status").await;
    assert_eq!((&waiting.data["waiting_for"], state(&waiting)), (&json!("retry"), &json!("pending")));
    assert!(waiting.data["retry_at"].is_string());
    assert_eq!(stream.expect("delta").await.data["text"], "half an answer");
    app.model.fail_with(GenerateError::BlockedPrompt { reason: "SAFETY".to_owned() });
    app.advance(Duration::from_secs(10));
    let (rest, ()) = tokio::join!(stream.rest(), deliver(&app, &id));
    assert_eq!(text(&rest), "");
    assert_eq!(names(&rest)[0], "restart");
    let done = rest.last().unwrap();
    assert_eq!((done.event.as_str(), &done.data["reply"]), ("done", &json!(null)));
    assert_eq!(done.data["message"]["error_code"], "blocked_by_safety");
}

#[tokio::test]
async fn cancelling_a_message_that_waits_ends_its_stream_at_once() {
    let app = start().await;
    let (user, id) = sent(&app).await;
    let mut stream = open(&app, &user, &id, None).await;
    stream.expect("status").await;
    let path = format!("/api/chatroom/message/{id}/cancel");
    // The stream has its place, and so its position in the notices, once it reads on.
    let cancelling = async {
        while app.app.redis.count_streams(user.id).await.unwrap() == 0 {
            tokio::task::yield_now().await;
        }
        app.request("POST", &path).by(&user).send().await.expect(200)
    };
    let (rest, _) = tokio::join!(stream.rest(), cancelling);
    assert_eq!(names(&rest), ["done"]);
    assert_eq!(rest[0].data["message"]["processing_status"], "cancelled");
    // Not by the check at a sign of life.
    assert_eq!(stream.comments, 0);
    assert_eq!(app.app.redis.count_streams(user.id).await.unwrap(), 0);
}

#[tokio::test]
async fn only_the_owner_reads_with_a_token_in_the_header() {
    let app = start().await;
    let (user, id) = sent(&app).await;
    let other = app.user().await;
    for id in [id.as_str(), "018f0000-0000-7000-8000-000000000009", "nonsense"] {
        let refused = request(&app, &other, id).send().await;
        let _ = refused.expect_problem(404, "not_found");
    }
    let done = request(&app, &other, &id).header("last-event-id", "0-replaced").send().await;
    let _ = done.expect_problem(404, "not_found");
    let path = format!("/api/stream/{id}?token={0}&access_token={0}", user.token);
    let _ = app.request("GET", &path).send().await.expect_problem(401, "not_authenticated");
}

#[tokio::test]
async fn client_address_is_that_of_the_rest_apis_event() {
    let app = building(Timing::default()).var("RATE_LIMIT_MAX_REQUESTS", "1").start().await;
    let anonymous = || app.event("stream-answer", None, None).token("none").send();
    let _ = anonymous().await.expect_problem(401, "not_authenticated");
    let _ = anonymous().await.expect_problem(429, "rate_limited");
    // The bucket is that of the address, which is another one here.
    let _ = app.request("GET", "/api/stream/x").send().await.expect_problem(429, "rate_limited");
}

#[tokio::test]
async fn long_poll_ends_with_the_end_of_the_live_text() {
    let app = start().await;
    let (user, id) = sent(&app).await;
    let mut writer = claim(&app, &id, 1).await;
    let path = format!("/api/chatroom/message/{id}/status?wait=25");
    let answering = async {
        while app.app.redis.count_long_polls(user.id).await.unwrap() == 0 {
            tokio::task::yield_now().await;
        }
        for piece in ["a", "b", "c"] {
            flush(&mut writer, piece).await;
        }
        store_answer(&app, &id, "abc").await;
        writer.finish(Ending::End(ProcessingStatus::Completed)).await.unwrap();
    };
    let (polled, ()) = tokio::join!(app.request("GET", &path).by(&user).send(), answering);
    assert_eq!(polled.expect(200).body["message"]["reply"]["content"], "abc");
}
