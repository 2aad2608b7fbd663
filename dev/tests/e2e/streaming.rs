//! Answers read while they are written, through the local API Gateway.

use harness::{StreamRequest, StreamedAnswer, TestUser, unique};
use serde_json::{Value, json};
use uuid::Uuid;

use super::stack::{Stack, assert_fields, stack};

fn stream(stack: &Stack, user: &TestUser, message: Uuid) -> StreamRequest {
    StreamRequest::new(&stack.base_url, user, message)
}

#[tokio::test]
async fn text_arrives_while_gemini_writes_and_stopping_ends_the_stream() {
    let stack = stack();
    let _worker = stack.with_worker().await;
    let (user, chatroom) = stack.user_with_chatroom().await;
    // The answer repeats the question. Gemini sends half of it, and the rest after a minute.
    let question = unique(&"tell me a long story ".repeat(20));
    stack.script(&question, json!([{ "kind": "slow", "delay_ms": 60_000 }])).await;
    let message = user.send_text(stack, &chatroom, &question).await.unwrap().id;

    let mut answer = StreamedAnswer::default();
    let mut stream = stream(stack, &user, message).open_live().await.unwrap();
    assert_eq!(stream.headers["content-type"], "text/event-stream");
    while answer.text.is_empty() {
        answer.apply(&stream.next().await.unwrap().unwrap()).unwrap();
    }
    let cancel = user.request("POST", format!("/api/chatroom/message/{message}/cancel"));
    let _ = cancel.send(stack).await.unwrap().expect(200);
    answer.read(&mut stream).await.unwrap();

    answer.ensure_complete().unwrap();
    assert_fields(&answer.done.unwrap()["message"], &json!({ "processing_status": "cancelled" }));
}

#[tokio::test]
async fn stream_that_is_cut_again_and_again_misses_nothing() {
    let stack = stack();
    let _worker = stack.with_worker().await;
    let (user, chatroom) = stack.user_with_chatroom().await;
    let question = unique("count");
    let text = (0..60).map(|number| format!("number {number} ")).collect::<Vec<_>>().concat();
    stack.script(&question, json!([{ "kind": "answer", "text": text, "duration_ms": 1_000 }])).await;
    let message = user.send_text(stack, &chatroom, &question).await.unwrap().id;

    let mut answer = StreamedAnswer::default();
    for bytes in 0.. {
        let request = stream(stack, &user, message).after(answer.last_event_id());
        // Each connection reads more than the one before it.
        let mut stream = request.cut_after(150 + bytes * 13).open_live().await.unwrap();
        answer.read(&mut stream).await.unwrap();
        if answer.is_done() {
            break;
        }
    }
    answer.ensure_complete().unwrap();
    assert_eq!(answer.text, text);
    let again = stream(stack, &user, message).after(answer.last_event_id()).open().await.unwrap();
    assert_eq!(again.status, 204, "nothing is left to read");
}

#[tokio::test]
async fn refusals_are_problem_documents() {
    let stack = stack();
    let (user, message) = (stack.sign_up().await, Uuid::new_v4());
    let refused = stream(stack, &user, message).open().await.unwrap().into_response().await.unwrap();
    assert_eq!((refused.status.as_u16(), &refused.body["code"]), (404, &Value::from("not_found")));

    let stranger = TestUser { token: "not a token".to_owned(), ..user };
    let refused = stream(stack, &stranger, message).open().await.unwrap().into_response().await.unwrap();
    assert_eq!(
        (refused.status.as_u16(), refused.header("content-type")),
        (401, Some("application/problem+json"))
    );
}
