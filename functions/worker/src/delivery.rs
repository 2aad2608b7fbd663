//! One delivery from SQS: which messages it covers, and whether SQS must deliver it again.

use std::time::Duration;

use app::AppState;
use app::telemetry::chain;
use chrono::{DateTime, Utc};
use domain::job::{Envelope, Job};
use domain::{MessageId, backoff};
use store::messages::processing::{self, Claim, Lease};
use store::with_timeout;
use tracing::{error, info};
use uuid::Uuid;

use crate::attempt::Attempt;
use crate::deferred::Deferred;
use crate::outcome::{
    DeliveryError, INTERRUPTED_DELAY, LEASE_MARGIN, Outcome, STATEMENT_TIMEOUT, STORE_MARGIN,
};

/// Answers the message that `body` names, and the unfinished messages before it in its chatroom.
/// Starts no attempt that could not end before `deadline`.
pub(crate) async fn process(
    app: &AppState,
    body: &str,
    receive_count: i32,
    deadline: DateTime<Utc>,
    deferred: &Deferred,
) -> Outcome {
    let envelope: Envelope = match serde_json::from_str(body) {
        Ok(envelope) => envelope,
        Err(error) => {
            // The job must reach the dead-letter queue, where its alarm informs an operator.
            error!(error = chain(&error), "a job cannot be read");
            return Outcome::Redeliver(None);
        }
    };
    let Job::AnswerMessage { message_id } = envelope.job;
    let outcome = answer_up_to(app, message_id, deadline, deferred).await.unwrap_or_else(|error| {
        error!(error = chain(&error), message.id = %message_id, receive_count, "a delivery was interrupted");
        // The delay grows, so that an outage does not use up the deliveries that SQS allows before
        // it moves a job to the dead-letter queue.
        Outcome::Redeliver(Some(backoff::delay(receive_count, INTERRUPTED_DELAY, 0.0, None)))
    });
    match outcome {
        Outcome::Redeliver(Some(delay)) => {
            Outcome::Redeliver(Some(delay.max(backoff::delivery_floor(receive_count))))
        }
        outcome => outcome,
    }
}

/// Answers the unfinished messages of a chatroom in their order, up to the message `delivered`.
async fn answer_up_to(
    app: &AppState,
    delivered: MessageId,
    deadline: DateTime<Utc>,
    deferred: &Deferred,
) -> Result<Outcome, DeliveryError> {
    loop {
        let (now, timeout) = (app.clock.now(), app.config.gemini.timeout);
        if now + timeout + STORE_MARGIN > deadline {
            return Ok(Outcome::Redeliver(Some(Duration::ZERO)));
        }
        let owner = Uuid::new_v4();
        let claim = with_timeout(STATEMENT_TIMEOUT, async {
            let db = app.db().await?;
            let now = app.clock.now();
            let until = now + timeout + LEASE_MARGIN;
            processing::claim_next_message(&db, delivered, owner, now, until).await
        });
        let work = match claim.await? {
            Claim::Claimed(work) => *work,
            Claim::NotDue { until } => {
                info!(message.id = %delivered, %until, "claimed by another worker, or not due yet");
                let delay = (until - app.clock.now()).to_std().unwrap_or_default();
                return Ok(Outcome::Redeliver(Some(delay)));
            }
            Claim::Finished | Claim::NotFound => {
                info!(message.id = %delivered, "already finished, or deleted");
                return Ok(Outcome::Delete);
            }
        };
        let lease = Lease { message_id: work.message_id, owner };
        let outcome = Attempt::new(app, lease, &work, deadline, deferred).run(work).await?;
        if outcome != Outcome::Delete || lease.message_id == delivered {
            return Ok(outcome);
        }
    }
}
