//! Empties the dead-letter queue. Its jobs were received too often by workers that died before they
//! could count an attempt.

use app::AppState;
use app::metrics::MetricEvent;
use app::telemetry::chain;
use clients::queue::DeadLetter;
use clients::table::jobs::JobRecord;
use domain::job::{Envelope, Job};
use domain::message::ErrorCode;
use services::jobs;
use store::generations::progress::Progress;
use store::generations::sweeping;
use tracing::{error, warn};

use crate::SweepError;

/// Maximum number of batches that one sweep receives.
const MAX_BATCHES: usize = 20;

/// The number of resends after which a message fails, even if it has attempts left.
const MAX_RESENDS: i32 = 10;

/// Why a message fails whose job no worker could finish.
const CODE: ErrorCode = ErrorCode::Internal;

/// Receives the jobs on the dead-letter queue and marks messages failed that have no attempts left.
/// Returns how many failed. The other messages are resent as stranded ones.
pub(crate) async fn fail_all(app: &AppState) -> Result<usize, SweepError> {
    let dead_letters = app.dead_letters()?;
    let mut failed = 0;
    for _ in 0..MAX_BATCHES {
        let batch = dead_letters.receive().await?;
        if batch.is_empty() {
            break;
        }
        for letter in batch {
            failed += usize::from(fail_one(app, &letter).await?);
        }
    }
    Ok(failed)
}

/// Returns whether the message was marked failed. An unreadable job stays on the queue, where it
/// keeps the alarm on the queue's length active until an operator looks at it.
async fn fail_one(app: &AppState, letter: &DeadLetter) -> Result<bool, SweepError> {
    let envelope: Envelope = match serde_json::from_str(&letter.body) {
        Ok(envelope) => envelope,
        Err(error) => {
            error!(error = chain(&error), sqs.id = letter.id, "a dead letter cannot be read");
            return Ok(false);
        }
    };
    let Job::GenerateAnswer { generation_id } = envelope.job;
    let (max_attempts, now) = (app.config.worker.max_attempts, app.clock.now());
    let failed =
        sweeping::fail_if_exhausted(&app.db().await?, generation_id, CODE, max_attempts, MAX_RESENDS, now)
            .await?;
    if let Some(failed) = &failed {
        let message_id = failed.question_id;
        warn!(message.id = %message_id, %generation_id, "dead letter: message failed, quota unit refunded");
        app.metrics.emit(&MetricEvent::MessageFailed { message: message_id, code: CODE });
        jobs::record(app, &[record(failed)]).await;
    }
    app.dead_letters()?.delete(&letter.receipt_handle).await?;
    Ok(failed.is_some())
}

fn record(failed: &Progress) -> JobRecord {
    JobRecord {
        generation_id: failed.id,
        status: failed.status,
        attempts: failed.attempts,
        error_code: failed.error_code,
        last_error: Some("its job was delivered too often without a result".to_owned()),
        model: None,
        started_at: failed.updated_at,
        finished_at: failed.updated_at,
    }
}
