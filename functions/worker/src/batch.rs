//! A batch: rooms beside each other, the messages of one room one after the other.
//!
//! Within a room the first message that is to come back takes the rest with it: SQS would otherwise count them as done,
//! or answer them out of order.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use app::AppState;
use app::telemetry::chain;
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use chrono::{DateTime, Utc};
use futures::future::join_all;
use tokio::time::timeout;
use tracing::{Instrument, info_span, warn};

use crate::deferred::Deferred;
use crate::delivery::{Outcome, answer};

/// How long setting a delay may take: less than is left of the function's time when the last answer is stored.
const PATIENCE: Duration = Duration::from_secs(2);

/// Runs the batch; work that could not end before `deadline` is not begun.
pub(crate) async fn run(app: &Arc<AppState>, event: SqsEvent, deadline: DateTime<Utc>) -> SqsBatchResponse {
    let (rooms, deferred) = (rooms(event.records), Deferred::new(app));
    let returned = join_all(rooms.into_iter().map(|room| run_room(app, room, deadline, &deferred))).await;
    deferred.finish().await;
    let mut response = SqsBatchResponse::default();
    for id in returned.into_iter().flatten() {
        response.add_failure(id);
    }
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
async fn run_room(
    app: &AppState,
    room: Vec<SqsMessage>,
    deadline: DateTime<Utc>,
    deferred: &Deferred,
) -> Vec<String> {
    let mut deliveries = room.into_iter();
    while let Some(delivery) = deliveries.next() {
        if let Outcome::Later(delay) = process(app, &delivery, deadline, deferred).await {
            return put_off(app, std::iter::once(delivery).chain(deliveries), delay).await;
        }
    }
    Vec::new()
}

async fn process(
    app: &AppState,
    record: &SqsMessage,
    deadline: DateTime<Utc>,
    deferred: &Deferred,
) -> Outcome {
    let received =
        record.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1);
    let span = info_span!("delivery", sqs.id = record.message_id, sqs.receive_count = received);
    answer(app, record.body.as_deref().unwrap_or_default(), received, deadline, deferred)
        .instrument(span)
        .await
}

/// Has `records` come back after `delay`, where there is one, and gives back their ids. Where the delay cannot be set
/// they come back when the queue's own time-out is over.
async fn put_off(
    app: &AppState,
    records: impl Iterator<Item = SqsMessage>,
    delay: Option<Duration>,
) -> Vec<String> {
    let put_off = records.map(|record| async {
        if let Some(delay) = delay
            && let Err(error) = set_delay(app, &record, delay).await
        {
            warn!(error, sqs.id = record.message_id, "a delay could not be set; the queue's own applies");
        }
        record.message_id.unwrap_or_default()
    });
    join_all(put_off).await
}

async fn set_delay(app: &AppState, record: &SqsMessage, delay: Duration) -> Result<(), String> {
    let queue = app.queue().map_err(|error| chain(&error))?;
    let receipt_handle = record.receipt_handle.as_deref().unwrap_or_default();
    let set =
        timeout(PATIENCE, queue.delay(receipt_handle, delay)).await.map_err(|elapsed| elapsed.to_string())?;
    set.map_err(|error| chain(&error))
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
