//! A batch: chatrooms concurrently, the messages of one chatroom one after the other.
//!
//! When one message of a chatroom must be delivered again, so must all that follow it. Otherwise
//! SQS would delete them, or deliver them out of order.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use app::AppState;
use app::telemetry::chain;
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use chrono::{DateTime, Utc};
use clients::queue::{REQUEST_ID, TRACEPARENT};
use domain::RequestOrigin;
use futures::future::join_all;
use tokio::time::timeout;
use tracing::{Instrument, Span, info_span, warn};

use crate::deferred::Deferred;
use crate::delivery::{self, Processed};
use crate::outcome::{DELETE_TIMEOUT, Outcome, VISIBILITY_CALL_TIMEOUT};
use crate::visibility::Visibility;

/// Processes the batch. Starts no attempt that could not end before `deadline`.
pub(crate) async fn run(app: &Arc<AppState>, event: SqsEvent, deadline: DateTime<Utc>) -> SqsBatchResponse {
    let visibility = Visibility::new(app, &event.records);
    let (chatrooms, deferred) = (group_by_chatroom(event.records), Deferred::new(app));
    let failures =
        chatrooms.into_iter().map(|chatroom| run_chatroom(app, chatroom, deadline, &deferred, &visibility));
    let failures = visibility.keep_while(join_all(failures)).await;
    deferred.finish().await;
    let mut response = SqsBatchResponse::default();
    for id in failures.into_iter().flatten() {
        response.add_failure(id);
    }
    response
}

/// Groups the records by message group and keeps SQS's order within each group.
fn group_by_chatroom(records: Vec<SqsMessage>) -> Vec<Vec<SqsMessage>> {
    let mut index = HashMap::new();
    let mut chatrooms: Vec<Vec<SqsMessage>> = Vec::new();
    for record in records {
        let group = record.attributes.get("MessageGroupId").cloned();
        let place = *index.entry(group).or_insert(chatrooms.len());
        if place == chatrooms.len() {
            chatrooms.push(Vec::new());
        }
        chatrooms[place].push(record);
    }
    chatrooms
}

/// Answers the messages of one chatroom and returns the ids of those that SQS must deliver again.
async fn run_chatroom(
    app: &AppState,
    records: Vec<SqsMessage>,
    deadline: DateTime<Utc>,
    deferred: &Deferred,
    visibility: &Visibility<'_>,
) -> Vec<String> {
    let mut records = records.into_iter();
    while let Some(record) = records.next() {
        let span = span_of(&record);
        let delivery = process(app, &record, deadline, deferred).instrument(span.clone());
        let Processed { outcome, title } = delivery.await;
        if let Outcome::Redeliver(delay) = outcome {
            let records: Vec<_> = std::iter::once(record).chain(records).collect();
            visibility.release(&records).await;
            if let Some(generation) = title {
                span.in_scope(|| deferred.make_title(generation, deadline));
            }
            return redeliver(app, records.into_iter(), delay).await;
        }
        if visibility.release(std::slice::from_ref(&record)).await || title.is_some() {
            delete(app, &record).await;
        }
        // Afterwards, so that the next message of the chatroom does not wait for the title.
        if let Some(generation) = title {
            span.in_scope(|| deferred.make_title(generation, deadline));
        }
    }
    Vec::new()
}

/// Deletes a finished delivery while others of its batch, or a title, are under way. Lambda deletes a
/// batch only as a whole, and until then SQS delivers no later message of the chatroom: it would wait
/// for the slowest answer of the batch, or for the title.
async fn delete(app: &AppState, record: &SqsMessage) {
    let request = async {
        let queue = app.queue().map_err(|error| chain(&error))?;
        let receipt_handle = record.receipt_handle.as_deref().unwrap_or_default();
        queue.delete_job(receipt_handle).await.map_err(|error| chain(&error))
    };
    let deleted = timeout(DELETE_TIMEOUT, request).await;
    if let Err(error) = deleted.unwrap_or_else(|elapsed| Err(elapsed.to_string())) {
        warn!(error, sqs.id = record.message_id, "a finished delivery is deleted only with its batch");
    }
}

async fn process(
    app: &AppState,
    record: &SqsMessage,
    deadline: DateTime<Utc>,
    deferred: &Deferred,
) -> Processed {
    let (body, received) = (record.body.as_deref().unwrap_or_default(), receive_count(record));
    delivery::process(app, body, received, origin(record), deadline, deferred).await
}

/// The span of a delivery, with the ids of the request that has sent the message.
fn span_of(record: &SqsMessage) -> Span {
    let origin = origin(record);
    info_span!(
        "delivery",
        sqs.id = record.message_id,
        sqs.receive_count = receive_count(record),
        trace_id = origin.as_ref().map(|origin| origin.trace.trace_id()),
        request_id = origin.and_then(|origin| origin.request_id),
    )
}

fn receive_count(record: &SqsMessage) -> i32 {
    record.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1)
}

/// The request that has sent the message. `None` for a message of the previous release.
fn origin(record: &SqsMessage) -> Option<RequestOrigin> {
    let text = |name| record.message_attributes.get(name)?.string_value.as_deref();
    RequestOrigin::parse(text(TRACEPARENT), text(REQUEST_ID))
}

/// Sets the visibility timeout of `records` to `delay`, if there is one, and returns their ids.
/// When that fails, the queue's own visibility timeout applies.
async fn redeliver(
    app: &AppState,
    records: impl Iterator<Item = SqsMessage>,
    delay: Option<Duration>,
) -> Vec<String> {
    let ids = records.map(|record| async {
        if let Some(delay) = delay
            && let Err(error) = change_visibility(app, &record, delay).await
        {
            warn!(
                error,
                sqs.id = record.message_id,
                "the visibility timeout could not be changed; the queue's own applies"
            );
        }
        record.message_id.unwrap_or_default()
    });
    join_all(ids).await
}

async fn change_visibility(app: &AppState, record: &SqsMessage, delay: Duration) -> Result<(), String> {
    let queue = app.queue().map_err(|error| chain(&error))?;
    let receipt_handle = record.receipt_handle.as_deref().unwrap_or_default();
    let changed = timeout(VISIBILITY_CALL_TIMEOUT, queue.change_visibility(receipt_handle, delay)).await;
    changed.map_err(|elapsed| elapsed.to_string())?.map_err(|error| chain(&error))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(id: &str, group: &str) -> SqsMessage {
        let mut record = SqsMessage::default();
        record.message_id = Some(id.to_owned());
        record.attributes.insert("MessageGroupId".to_owned(), group.to_owned());
        record
    }

    #[test]
    fn origin_of_a_record_is_in_its_attributes() {
        let attribute = |value: &str| json!({ "stringValue": value, "dataType": "String" });
        let record = |attributes| -> SqsMessage {
            serde_json::from_value(json!({ "attributes": {}, "messageAttributes": attributes })).unwrap()
        };
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0c1902b7-01";
        let full = record(json!({ TRACEPARENT: attribute(trace), REQUEST_ID: attribute("r-1") }));
        let found = origin(&full).unwrap();
        assert_eq!((found.trace.to_string().as_str(), found.request_id.as_deref()), (trace, Some("r-1")));
        let forged = record(json!({ TRACEPARENT: attribute(trace), REQUEST_ID: attribute("r\n{}") }));
        assert_eq!(origin(&forged).unwrap().request_id, None);
        assert_eq!(origin(&record(json!({}))), None, "a message of the previous release");
    }

    #[test]
    fn records_are_grouped_by_chatroom_in_their_order() {
        let records = vec![record("1", "a"), record("2", "b"), record("3", "a"), record("4", "b")];
        let ids: Vec<Vec<String>> = group_by_chatroom(records)
            .into_iter()
            .map(|group| group.into_iter().filter_map(|record| record.message_id).collect())
            .collect();
        assert_eq!(ids, [["1", "3"], ["2", "4"]]);
    }
}
