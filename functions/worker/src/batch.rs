//! A batch: rooms beside each other, the messages of one room one after the other.
//!
//! Within a room the first message that is to come back takes the rest with it: SQS would otherwise count them as done,
//! or answer them out of order.

use std::collections::HashMap;
use std::time::Duration;

use app::App;
use app::telemetry::chain;
use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use chrono::{DateTime, Utc};
use futures::future::join_all;
use tracing::{Instrument, info_span, warn};

use crate::answer::{Outcome, answer};

/// What must be left after Gemini's time-out to store the answer.
const MARGIN: Duration = Duration::from_secs(5);

/// Runs the batch; work that could not end before `deadline` is not begun.
pub(crate) async fn run(app: &App, event: SqsEvent, deadline: DateTime<Utc>) -> SqsBatchResponse {
    let rooms = rooms(event.records);
    let returned = join_all(rooms.into_iter().map(|room| run_room(app, room, deadline))).await;
    let batch_item_failures = returned
        .into_iter()
        .flatten()
        .map(|id| {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = id;
            failure
        })
        .collect();
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = batch_item_failures;
    response
}

/// The records by message group, each group in the order SQS gave.
fn rooms(records: Vec<SqsMessage>) -> Vec<Vec<SqsMessage>> {
    let mut index = HashMap::new();
    let mut rooms: Vec<Vec<SqsMessage>> = Vec::new();
    for record in records {
        let group = record.attributes.get("MessageGroupId").cloned();
        let place = *index.entry(group).or_insert(rooms.len());
        if place == rooms.len() {
            rooms.push(Vec::new());
        }
        rooms[place].push(record);
    }
    rooms
}

/// Answers the messages of one room and gives back the ids of those that are to come back.
async fn run_room(app: &App, room: Vec<SqsMessage>, deadline: DateTime<Utc>) -> Vec<String> {
    let mut records = room.into_iter();
    let mut returned = Vec::new();
    for record in records.by_ref() {
        let delay = if app.clock.now() + app.config.gemini.timeout + MARGIN > deadline {
            Some(Duration::ZERO)
        } else {
            match process(app, &record).await {
                Outcome::Done => continue,
                Outcome::Later(delay) => delay,
            }
        };
        let rest: Vec<SqsMessage> = std::iter::once(record).chain(records).collect();
        for record in rest {
            if let Some(delay) = delay {
                put_off(app, &record, delay).await;
            }
            returned.push(record.message_id.unwrap_or_default());
        }
        break;
    }
    returned
}

async fn process(app: &App, record: &SqsMessage) -> Outcome {
    let received = record.attributes.get("ApproximateReceiveCount").map_or("", String::as_str);
    let span = info_span!("delivery", sqs.id = record.message_id, sqs.receive_count = received);
    answer(app, record.body.as_deref().unwrap_or_default()).instrument(span).await
}

/// Has `record` come back after `delay`. Where that fails it comes back when the queue's own time-out is over.
async fn put_off(app: &App, record: &SqsMessage, delay: Duration) {
    let receipt_handle = record.receipt_handle.as_deref().unwrap_or_default();
    let outcome = match app.queue() {
        Ok(queue) => queue.delay(receipt_handle, delay).await.map_err(|error| chain(&error)),
        Err(error) => Err(chain(&error)),
    };
    if let Err(error) = outcome {
        warn!(error, "a delay could not be set; the queue's own applies");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str, group: &str) -> SqsMessage {
        let mut record = SqsMessage::default();
        record.message_id = Some(id.to_owned());
        record.attributes.insert("MessageGroupId".to_owned(), group.to_owned());
        record
    }

    #[test]
    fn records_are_grouped_by_room_in_their_order() {
        let records = vec![record("1", "a"), record("2", "b"), record("3", "a"), record("4", "b")];
        let ids: Vec<Vec<String>> = rooms(records)
            .into_iter()
            .map(|room| room.into_iter().filter_map(|record| record.message_id).collect())
            .collect();
        assert_eq!(ids, [["1", "3"], ["2", "4"]]);
    }
}
