//! Jobs: enqueueing them and recording how their attempts ended.

use std::time::Duration;

use app::AppState;
use app::metrics::MetricEvent;
use app::telemetry::chain;
use clients::table::jobs::JobRecord;
use domain::{ChatroomId, GenerationId, RequestOrigin};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use tracing::{error, warn};
use utoipa::ToSchema;

/// Maximum time for sending a job to SQS, or for writing records to DynamoDB. The caller can go on
/// without either.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// Whether the queue has the job of a stored message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum QueueStatus {
    /// The job is on the queue.
    Queued,
    /// The job could not be queued yet. The message is stored, and the sweeper queues it.
    Delayed,
}

impl QueueStatus {
    /// Whether the job is on the queue.
    #[must_use]
    pub fn is_queued(self) -> bool {
        self == Self::Queued
    }
}

/// Sends the job for a stored generation to the worker. `resend` is 0 for its first job and grows by
/// one with each further job. The worker works under the ids of `origin`, the request that asked for the
/// answer. A failure loses nothing: the sweeper resends it.
pub async fn enqueue(
    app: &AppState,
    chatroom: ChatroomId,
    generation: GenerationId,
    resend: i32,
    origin: Option<&RequestOrigin>,
) -> QueueStatus {
    let sent = timeout(MAX_WAIT, async {
        let queue = app.queue().map_err(|error| chain(&error))?;
        queue.send_job(chatroom, generation, resend, origin).await.map_err(|error| chain(&error))
    });
    let Err(error) = sent.await.unwrap_or_else(|elapsed| Err(elapsed.to_string())) else {
        return QueueStatus::Queued;
    };
    error!(error, generation.id = %generation, resend, "failed to enqueue a stored generation");
    app.metrics.emit(&MetricEvent::EnqueueFailed);
    // An idle sweeper must run again, even if the guard could not count this request.
    if let Err(error) = app.redis.record_activity().await {
        warn!(error = chain(&error), "failed to wake the sweeper; it resends within an hour");
    }
    QueueStatus::Delayed
}

/// The numbers of jobs for titles begin here, so that SQS does not take one for a resend of the answer.
const TITLE_JOBS: i32 = 1_000;

/// Sends a job for the title that the answer of a stored generation gets. It is the job of that answer,
/// which the previous release understands too: a worker that finds the answer stored makes the title.
pub async fn enqueue_title(
    app: &AppState,
    chatroom: ChatroomId,
    generation: GenerationId,
    resend: i32,
    origin: Option<&RequestOrigin>,
) -> QueueStatus {
    enqueue(app, chatroom, generation, TITLE_JOBS + resend, origin).await
}

/// Records how attempts ended, for the operator. No message depends on a record: a
/// failure is logged and tolerated.
pub async fn record(app: &AppState, records: &[JobRecord]) {
    if records.is_empty() {
        return;
    }
    let written = timeout(
        MAX_WAIT,
        Box::pin(async {
            let table = app.table().map_err(|error| chain(&error))?;
            table.save_jobs(records).await.map_err(|error| chain(&error))
        }),
    );
    if let Err(error) = written.await.unwrap_or_else(|elapsed| Err(elapsed.to_string())) {
        for record in records {
            warn!(error, generation.id = %record.generation_id, "failed to record an attempt");
        }
    }
}
