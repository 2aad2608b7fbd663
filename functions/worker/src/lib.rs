//! Answers messages: SQS hands over a batch of ids, Gemini is asked, the answers are stored.
//!
//! `batch` keeps the order within a room and tells SQS what is to come back; `answer` is about one delivery,
//! `attempt` about one message, `asking` about Gemini, `admission` about whose turn it is there, `afterwards` about what no message waits for.

mod answer_cache;
mod attempt;
mod batch;
mod deferred;
mod delivery;
mod generation;
mod model_rate_limit;
mod prompt;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use app::{AppState, Dependency};
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use chrono::{DateTime, Utc};
use lambda_runtime::LambdaEvent;

/// What this function cannot do without.
pub const DEPENDENCIES: &[Dependency] =
    &[Dependency::DATABASE, Dependency::REDIS, Dependency::QUEUE, Dependency::TABLE, Dependency::GEMINI];

/// The most messages of a batch, as `template.yaml` has it. They are answered at once, so there are as many connections to Postgres: with
/// fewer they would wait for each other.
pub const BATCH: usize = 10;

/// Answers the messages of a batch and names those that are to come back.
pub async fn handle(app: &Arc<AppState>, event: LambdaEvent<SqsEvent>) -> SqsBatchResponse {
    let deadline = i64::try_from(event.context.deadline).ok().and_then(DateTime::from_timestamp_millis);
    // `cargo lambda watch` gives every function ten minutes of 1970: a deadline that is over at the start is none.
    let deadline = deadline.filter(|deadline| *deadline > app.clock.now());
    batch::run(app, event.payload, deadline.unwrap_or(DateTime::<Utc>::MAX_UTC)).await
}
