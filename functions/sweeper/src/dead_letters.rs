//! What came to the dead-letter queue: jobs that were delivered time and again without even being counted.

use app::AppState;
use app::telemetry::chain;
use clients::queue::DeadLetter;
use clients::table::jobs::JobRecord;
use domain::job::{Envelope, Job};
use domain::message::ErrorCode;
use store::messages::progress::Progress;
use store::messages::sweeping;
use tracing::{error, warn};

use crate::SweepError;

/// The most batches that one sweep takes from the queue.
const BATCHES: usize = 20;

/// How often a message is put back on the queue before it is given up whatever the reason.
const MAX_RESENDS: i32 = 10;

/// Takes the jobs off the dead-letter queue, gives up the messages that have nothing left to try, and answers how many.
pub(crate) async fn fail_all(app: &AppState) -> Result<usize, SweepError> {
    let dead_letters = app.dead_letters()?;
    let mut failed = 0;
    for _ in 0..BATCHES {
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

/// Answers whether the message was given up. A job that cannot be read stays in the queue, where the alarm on its length
/// calls somebody.
async fn fail_one(app: &AppState, letter: &DeadLetter) -> Result<bool, SweepError> {
    let envelope: Envelope = match serde_json::from_str(&letter.body) {
        Ok(envelope) => envelope,
        Err(error) => {
            error!(error = chain(&error), sqs.id = letter.id, "a dead letter cannot be read");
            return Ok(false);
        }
    };
    let Job::AnswerMessage { message_id } = envelope.job;
    let (max_attempts, now) = (app.config.worker.max_attempts, app.clock.now());
    let failed = sweeping::fail_if_exhausted(
        &app.db().await?,
        message_id,
        ErrorCode::Internal,
        max_attempts,
        MAX_RESENDS,
        now,
    )
    .await?;
    if let Some(message) = &failed {
        warn!(message.id = %message_id, "dead letter: failed; the unit of quota is given back");
        app.record_jobs(&[record(message)]).await;
    }
    app.dead_letters()?.delete(&letter.receipt_handle).await?;
    Ok(failed.is_some())
}

fn record(failed: &Progress) -> JobRecord {
    JobRecord {
        message_id: failed.id,
        status: failed.status,
        attempts: failed.attempts,
        error_code: failed.error_code,
        last_error: Some("its job was delivered too often without an end".to_owned()),
        model: None,
        started_at: failed.updated_at,
        finished_at: failed.updated_at,
    }
}
