//! What came to the dead-letter queue: jobs that were delivered time and again without even being counted.

use app::App;
use app::telemetry::chain;
use clients::queue::DeadLetter;
use clients::table::jobs::JobRecord;
use domain::job::{Envelope, Job};
use domain::message::ErrorCode;
use store::messages::operating::Progress;
use store::messages::sweeping;
use tracing::{error, warn};

use crate::SweepError;

/// The most batches that one sweep takes from the queue.
const BATCHES: usize = 20;

/// How often a message is put back on the queue before it is given up whatever the reason.
const MAX_RESENDS: i32 = 10;

/// Takes the jobs off the dead-letter queue, gives up the messages that have nothing left to try, and answers how many.
pub(crate) async fn bury(app: &App) -> Result<usize, SweepError> {
    let dead_letters = app.dead_letters()?;
    let mut buried = 0;
    for _ in 0..BATCHES {
        let batch = dead_letters.receive().await?;
        if batch.is_empty() {
            break;
        }
        for letter in batch {
            buried += usize::from(bury_one(app, &letter).await?);
        }
    }
    Ok(buried)
}

/// Answers whether the message was given up. A job that cannot be read stays in the queue, where the alarm on its length
/// calls somebody.
async fn bury_one(app: &App, letter: &DeadLetter) -> Result<bool, SweepError> {
    let envelope: Envelope = match serde_json::from_str(&letter.body) {
        Ok(envelope) => envelope,
        Err(error) => {
            error!(error = chain(&error), sqs.id = letter.id, "a dead letter cannot be read");
            return Ok(false);
        }
    };
    let Job::AnswerMessage { message_id } = envelope.job;
    let (max_attempts, now) = (app.config.worker.max_attempts, app.clock.now());
    let buried =
        sweeping::bury(&app.db().await?, message_id, ErrorCode::Internal, max_attempts, MAX_RESENDS, now)
            .await?;
    if let Some(message) = &buried {
        warn!(message.id = %message_id, "dead letter: failed; the unit of quota is given back");
        app.record_jobs(&[record(message)]).await;
    }
    app.dead_letters()?.delete(&letter.receipt_handle).await?;
    Ok(buried.is_some())
}

fn record(buried: &Progress) -> JobRecord {
    JobRecord {
        message_id: buried.id,
        status: buried.status,
        attempts: buried.attempts,
        error_code: buried.error_code,
        last_error: Some("its job was delivered too often without an end".to_owned()),
        model: None,
        started_at: buried.updated_at,
        finished_at: buried.updated_at,
    }
}
