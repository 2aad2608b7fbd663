//! The mapping of events to chunks.

use chrono::DateTime;
use clients::redis::live_text::EntryId;
use domain::message::{ErrorCode, FinishReason, MessageType, ProcessingStatus, WaitReason};
use domain::{ChatroomId, GenerationId, MessageId};
use serde_json::{Value, json};
use services::answer_stream::{AnswerEvent, AnswerStatus, EventId, StreamFailure};
use store::messages::{Message, MessageStatus, Reply};
use uuid::Uuid;
use web::ApiError;

use super::chunk::AnswerIds;
use super::encoder::UiMessageEncoder;

const GENERATION: GenerationId = GenerationId(Uuid::from_u128(3));

fn encoder() -> UiMessageEncoder {
    let ids = AnswerIds {
        chatroom_id: ChatroomId(Uuid::from_u128(1)),
        question_id: MessageId(Uuid::from_u128(2)),
        generation_id: GENERATION,
    };
    UiMessageEncoder::new(ids, "the request".to_owned())
}

/// The chunks of the events in `text`.
fn parse(text: &str) -> Vec<Value> {
    let events = text.split_terminator("\n\n").map(|event| event.strip_prefix("data: ").expect("only data"));
    events
        .map(|data| if data == "[DONE]" { json!(data) } else { serde_json::from_str(data).unwrap() })
        .collect()
}

fn chunks(events: Vec<AnswerEvent>) -> Vec<Value> {
    parse(&encoder().events(events, GENERATION))
}

fn types(chunks: &[Value]) -> Vec<&str> {
    chunks.iter().map(|chunk| chunk["type"].as_str().or(chunk.as_str()).unwrap()).collect()
}

fn id() -> EventId {
    EventId::Entry(EntryId { fence: 1, sequence: 1 })
}

fn delta(text: &str) -> AnswerEvent {
    AnswerEvent::Delta { id: id(), text: text.to_owned() }
}

/// The final state: with a reply that ended for `reason`, or without one.
#[expect(clippy::option_option, reason = "an old answer has a reply without a reason")]
fn done(
    state: ProcessingStatus,
    reason: Option<Option<FinishReason>>,
    error: Option<ErrorCode>,
) -> AnswerEvent {
    let (now, question) = (DateTime::UNIX_EPOCH, MessageId(Uuid::from_u128(2)));
    let message = Message {
        id: question,
        content: "a question".to_owned(),
        message_type: MessageType::User,
        processing_status: state,
        position: 1,
        created_at: now,
        attempts: 1,
        error_code: error,
        reply_to: None,
        finish_reason: None,
        model: None,
    };
    let reply = reason.map(|finish_reason| Reply {
        id: MessageId(Uuid::from_u128(4)),
        content: "an answer".to_owned(),
        created_at: now,
        finish_reason,
        model: Some("a-model".to_owned()),
    });
    let status = MessageStatus {
        message,
        generation_id: GENERATION,
        fence: 1,
        chatroom_id: ChatroomId(Uuid::from_u128(1)),
        chatroom_name: "a chatroom".to_owned(),
        waiting_for: None,
        retry_at: None,
        reply,
        origin: None,
    };
    AnswerEvent::Done { id: EventId::Done(1), status: Box::new(status) }
}

fn problem(chunks: &[Value]) -> Value {
    serde_json::from_str(chunks.last().unwrap()["errorText"].as_str().unwrap()).unwrap()
}

#[test]
fn whole_answer_is_one_text() {
    let status = AnswerStatus {
        processing_status: ProcessingStatus::Pending,
        waiting_for: Some(WaitReason::RateLimit),
        retry_at: Some(DateTime::UNIX_EPOCH),
    };
    let end = done(ProcessingStatus::Completed, Some(Some(FinishReason::Stop)), None);
    let title = AnswerEvent::Title("Trip".to_owned());
    let uuid = |number| Uuid::from_u128(number).to_string();
    assert_eq!(
        chunks(vec![AnswerEvent::Status(status), delta("an "), title, delta("answer"), end]),
        [
            json!({ "type": "start", "messageId": format!("answer-{}", uuid(3)), "messageMetadata":
                { "chatroom_id": uuid(1), "question_id": uuid(2), "generation_id": uuid(3) } }),
            json!({ "type": "data-status", "transient": true, "data":
                { "processing_status": "pending", "waiting_for": "rate_limit", "retry_at": "1970-01-01T00:00:00Z" } }),
            json!({ "type": "text-start", "id": "0" }),
            json!({ "type": "text-delta", "id": "0", "delta": "an " }),
            json!({ "type": "data-title", "transient": true, "data": { "name": "Trip" } }),
            json!({ "type": "text-delta", "id": "0", "delta": "answer" }),
            json!({ "type": "text-end", "id": "0" }),
            json!({ "type": "finish", "finishReason": "stop", "messageMetadata":
                { "answer_id": uuid(4), "finish_reason": "stop", "model": "a-model" } }),
            json!("[DONE]"),
        ]
    );
}

#[test]
fn start_is_the_first_chunk_and_comes_once() {
    let mut encoder = encoder();
    assert_eq!(types(&parse(&encoder.events(Vec::new(), GENERATION))), ["start"]);
    assert_eq!(types(&parse(&encoder.events(vec![delta("a")], GENERATION))), ["text-start", "text-delta"]);
    assert_eq!(types(&parse(&encoder.error(&ApiError::not_found("message")))), ["error"]);
    assert_eq!(types(&parse(&self::encoder().interruption())), ["start", "error"]);
}

#[test]
fn reasons_are_those_that_both_versions_know() {
    for (reason, expected) in [
        (Some(FinishReason::Stop), "stop"),
        (None, "stop"),
        (Some(FinishReason::MaxTokens), "length"),
        (Some(FinishReason::MaxTime), "other"),
        (Some(FinishReason::Safety), "content-filter"),
        (Some(FinishReason::Recitation), "content-filter"),
        (Some(FinishReason::Other), "other"),
    ] {
        let chunks = chunks(vec![delta("a"), done(ProcessingStatus::Completed, Some(reason), None)]);
        assert_eq!(chunks[chunks.len() - 2]["finishReason"], expected, "{reason:?}");
    }
    for (reply, expected) in [
        (None, vec!["start", "finish", "[DONE]"]),
        (
            Some(Some(FinishReason::Cancelled)),
            vec!["start", "text-start", "text-delta", "text-end", "finish", "[DONE]"],
        ),
    ] {
        let text = reply.map(|_| delta("a"));
        let end = done(ProcessingStatus::Cancelled, reply, None);
        let chunks = chunks(text.into_iter().chain([end]).collect());
        assert_eq!((types(&chunks), &chunks[chunks.len() - 2]["finishReason"]), (expected, &json!("other")));
    }
}

#[test]
fn text_is_never_taken_back() {
    let restart = || AnswerEvent::Restart { id: id() };
    let mut encoder = encoder();
    let torn = parse(&encoder.events(vec![delta("a"), restart(), delta("b")], GENERATION));
    assert_eq!(types(&torn), ["start", "text-start", "text-delta", "error"]);
    assert_eq!((&problem(&torn)["resume"], encoder.has_ended()), (&json!(true), true));
    // Without text there is nothing to take back.
    assert_eq!(types(&chunks(vec![restart(), delta("b")])), ["start", "text-start", "text-delta"]);
}

#[test]
fn another_generation_is_another_answer() {
    let mut encoder = encoder();
    let torn = parse(&encoder.events(vec![delta("a")], GenerationId(Uuid::from_u128(9))));
    assert_eq!((types(&torn), &problem(&torn)["resume"]), (vec!["start", "error"], &json!(true)));
}

#[test]
fn streams_that_lack_something_end_with_a_problem_document() {
    for (event, code, status, resume) in [
        (AnswerEvent::Replaced { id: id() }, "stream_replaced", 409, Value::Null),
        (AnswerEvent::Failed(StreamFailure::NotFound), "not_found", 404, Value::Null),
        (AnswerEvent::Failed(StreamFailure::Unavailable), "unavailable", 503, json!(true)),
        (done(ProcessingStatus::Failed, None, Some(ErrorCode::Timeout)), "timeout", 502, Value::Null),
        (done(ProcessingStatus::Failed, None, Some(ErrorCode::NoAnswer)), "no_answer", 422, Value::Null),
        (done(ProcessingStatus::Failed, None, None), "internal", 502, Value::Null),
    ] {
        let chunks = chunks(vec![delta("a"), event]);
        let problem = problem(&chunks);
        assert_eq!(
            (&problem["code"], &problem["status"], &problem["resume"]),
            (&json!(code), &json!(status), &resume)
        );
        assert_eq!((&problem["request_id"], types(&chunks)[3]), (&json!("the request"), "error"));
    }
    for code in ErrorCode::ALL {
        let problem = problem(&chunks(vec![done(ProcessingStatus::Failed, None, Some(*code))]));
        assert_eq!((&problem["code"], &problem["is_retryable"]), (&json!(code), &json!(code.is_retryable())));
        assert!(problem["detail"].as_str().unwrap().len() > 20);
    }
}
