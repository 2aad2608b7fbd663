//! New questions, and repeated ones.

use domain::Tier;
use futures::future::join_all;
use serde_json::json;
use testkit::EventStream;

use super::{
    CHAT, ask, body, count, id_of, last_job, next, open, post, rest, start, text, types, used, with,
};
use crate::tests::deliver;

/// The whole stream of an answer.
const WHOLE: [&str; 7] = ["start", "text-start", "text-delta", "text-delta", "text-end", "finish", "[DONE]"];

#[tokio::test]
async fn question_of_a_new_chat_is_answered_in_a_chatroom_without_a_name() {
    let app = start().await;
    let user = app.user().await;
    app.model.hold_in_mid_text();
    let mut stream = open(&app, &user, body(CHAT, "m1", "hello")).await;
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("x-vercel-ai-ui-message-stream", "v1"),
        ("x-accel-buffering", "no"),
        ("cache-control", "no-store"),
        ("x-quota-remaining", "4"),
    ] {
        assert_eq!(stream.headers[name], value);
    }
    let generation = last_job(&app);
    let reading = async {
        let start = next(&mut stream).await;
        assert_eq!(
            (&start["type"], &start["messageId"]),
            (&json!("start"), &json!(format!("answer-{generation}")))
        );
        assert_eq!(next(&mut stream).await, json!({ "type": "text-start", "id": "0" }));
        assert_eq!(next(&mut stream).await, json!({ "type": "text-delta", "id": "0", "delta": "Echo:" }));
        app.model.release();
        let rest = rest(&mut stream).await;
        assert_eq!((types(&rest), text(&rest)), (WHOLE[3..].to_vec(), " hello".to_owned()));
        (start, rest)
    };
    let ((start, rest), ()) = tokio::join!(reading, deliver(&app, &generation));
    let finish = &rest[rest.len() - 2];
    assert_eq!(
        (&finish["finishReason"], &finish["messageMetadata"]["finish_reason"]),
        (&json!("stop"), &json!("stop"))
    );
    let room = start["messageMetadata"]["chatroom_id"].as_str().unwrap();
    let shown = app.request("GET", &format!("/api/chatroom/{room}")).by(&user).send().await.expect(200);
    assert_eq!(shown.body["messages"][0]["id"], start["messageMetadata"]["question_id"]);
    assert_eq!(shown.body["messages"][1]["id"], finish["messageMetadata"]["answer_id"]);
    assert_eq!(shown.body["messages"][1]["content"], "Echo: hello");
    // A title has taken the place of the name.
    assert_ne!(shown.body["chatroom"]["name"], "New chat");
}

#[tokio::test]
async fn repeated_submit_replays_the_answer_and_costs_nothing() {
    let app = start().await;
    let user = app.user().await;
    let first = ask(&app, &user, body(CHAT, "m1", "hello")).await;
    let jobs = app.queue.sent().len();
    let again = rest(&mut open(&app, &user, body(CHAT, "m1", "hello")).await).await;
    assert_eq!(types(&again), ["start", "text-start", "text-delta", "text-end", "finish", "[DONE]"]);
    assert_eq!((&again[0], text(&again)), (&first[0], "Echo: hello".to_owned()));
    assert_eq!((used(&app, &user).await, app.queue.sent().len()), (1, jobs));
    assert_eq!(count(&app, "messages").await, 2);
}

#[tokio::test]
async fn first_submits_at_once_make_one_chatroom_and_one_question() {
    let app = start().await;
    let user = app.user().await;
    let submit = || open(&app, &user, body(CHAT, "m1", "hello"));
    let mut streams: [EventStream; 4] = tokio::join!(submit(), submit(), submit(), submit()).into();
    assert_eq!((count(&app, "chatrooms").await, count(&app, "messages").await), (1, 1));
    assert_eq!(used(&app, &user).await, 1);
    let mut starts = Vec::new();
    for stream in &mut streams {
        starts.push(next(stream).await);
    }
    assert!(starts.iter().all(|start| start == &starts[0]), "{starts:?}");
}

/// Each counts in the rows of the user and of the day, which all statements lock in the same order.
#[tokio::test]
async fn chats_and_messages_of_one_user_at_once_are_all_accepted() {
    let app = start().await;
    let user = app.user().await;
    app.set_tier(&user, Tier::Pro).await;
    let room = app.create_chatroom(&user).await;
    for round in 0..5 {
        let chats = (0..8).map(|number| open(&app, &user, body(&format!("{round}-{number}"), "m1", "hello")));
        let messages = (0..8).map(|_| app.send_message(&user, &room, "hello"));
        tokio::join!(join_all(chats), join_all(messages));
    }
    assert_eq!((count(&app, "chatrooms").await, used(&app, &user).await), (41, 80));
    assert_eq!(app.query_value::<i64>("SELECT chatroom_count FROM users").await, 41);
}

#[tokio::test]
async fn conversation_goes_on_in_the_same_chatroom_by_either_id() {
    let app = start().await;
    let user = app.user().await;
    let first = ask(&app, &user, body(CHAT, "m1", "one")).await;
    let second = ask(&app, &user, body(CHAT, "m2", "two")).await;
    let room = id_of(&first, "chatroom_id");
    // The short form.
    let message = json!({ "id": "m3", "role": "user", "parts": [{ "type": "text", "text": "three" }] });
    let third = ask(&app, &user, json!({ "id": room, "message": message })).await;
    for chunks in [&second, &third] {
        assert_eq!(id_of(chunks, "chatroom_id"), room);
    }
    let prompt = app.model.prompts().pop().unwrap();
    let turns: Vec<&str> = prompt.turns.iter().map(|turn| turn.text.as_str()).collect();
    assert_eq!(turns, ["one", "Echo: one", "two", "Echo: two", "three"]);
    // The same message by the other id.
    let jobs = app.queue.sent().len();
    let again = rest(&mut open(&app, &user, body(CHAT, "m3", "three")).await).await;
    assert_eq!((&again[0], app.queue.sent().len()), (&third[0], jobs));
}

#[tokio::test]
async fn ids_of_other_users_are_free_names_for_chats() {
    let app = start().await;
    let (owner, other) = (app.user().await, app.user().await);
    let theirs = ask(&app, &owner, body(CHAT, "m1", "a secret")).await;
    let room = id_of(&theirs, "chatroom_id");
    for chat in [CHAT, &room] {
        let own = ask(&app, &other, body(chat, "m1", "hello")).await;
        assert_ne!(id_of(&own, "chatroom_id"), room);
        assert_eq!(app.model.prompts().pop().unwrap().turns.len(), 1);
    }
    let owners = format!("chatrooms WHERE user_id = '{}'", other.id);
    assert_eq!(count(&app, &owners).await, 2);
    assert_eq!(count(&app, &format!("messages WHERE user_id = '{}'", owner.id)).await, 2);
}

#[tokio::test]
async fn closing_the_connection_does_not_stop_the_answer() {
    let app = start().await;
    let user = app.user().await;
    let mut stream = open(&app, &user, body(CHAT, "m1", "hello")).await;
    let start = next(&mut stream).await;
    drop(stream);
    deliver(&app, &last_job(&app)).await;
    let again = rest(&mut open(&app, &user, body(CHAT, "m1", "hello")).await).await;
    assert_eq!((&again[0], text(&again)), (&start, "Echo: hello".to_owned()));
}

#[tokio::test]
async fn event_of_the_rest_api_is_understood() {
    let app = start().await;
    let user = app.user().await;
    let mut stream = app.event("stream-send-chat-message", Some(&user), None).open().await;
    assert_eq!((stream.status.as_u16(), &next(&mut stream).await["type"]), (200, &json!("start")));
    let mut resumed = app.event("stream-resume-chat", Some(&user), Some(CHAT)).open().await;
    assert_eq!((resumed.status.as_u16(), &next(&mut resumed).await["type"]), (200, &json!("start")));
}

#[tokio::test]
async fn regeneration_of_a_question_that_never_arrived_sends_it() {
    let app = start().await;
    let user = app.user().await;
    let body = with(body(CHAT, "m1", "hello"), "trigger", "regenerate-message");
    let chunks = ask(&app, &user, body.clone()).await;
    assert_eq!((types(&chunks).last(), used(&app, &user).await), (Some(&"[DONE]"), 1));
    // Once it has arrived, it is another answer.
    let another = ask(&app, &user, body).await;
    assert_eq!(id_of(&another, "question_id"), id_of(&chunks, "question_id"));
    assert_ne!(another[0]["messageId"], chunks[0]["messageId"]);
    let _ = post(&app, &user, json!({})).send().await.expect(400);
}
