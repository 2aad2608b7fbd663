//! Answers messages: SQS delivers a batch of ids, Gemini generates the answers, Postgres stores
//! them.
//!
//! `batch` keeps the order within a chatroom and tells SQS what to deliver again. `delivery`
//! handles one delivery, `attempt` one message, `generation` the calls to Gemini within its rate
//! limits, `live_answer` its text while it is written, `title` the title of a chatroom, and `deferred`
//! the work that no message waits for.

mod answer_cache;
mod attempt;
mod batch;
mod deferred;
mod delivery;
mod generation;
mod lease;
mod live_answer;
mod models;
mod outcome;
mod prompt;
#[cfg(test)]
mod tests;
mod title;
mod visibility;

use std::sync::Arc;

use app::AppState;
pub use app::functions::WORKER as DEPENDENCIES;
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use chrono::{DateTime, Utc};
use lambda_runtime::LambdaEvent;

/// The most messages of a batch, as in `template.yaml`. The worker answers them concurrently and
/// opens as many connections to Postgres, so that no message waits for a connection.
pub const BATCH: usize = 10;

/// Answers the messages of a batch and returns those that SQS must deliver again.
pub async fn handle(app: &Arc<AppState>, event: LambdaEvent<SqsEvent>) -> SqsBatchResponse {
    let deadline = i64::try_from(event.context.deadline).ok().and_then(DateTime::from_timestamp_millis);
    // `cargo lambda watch` sets every deadline to ten minutes after the start of 1970, so this
    // ignores a deadline in the past.
    let deadline = deadline.filter(|deadline| *deadline > app.clock.now());
    let response = batch::run(app, event.payload, deadline.unwrap_or(DateTime::<Utc>::MAX_UTC)).await;
    app.tracer.flush().await;
    response
}
