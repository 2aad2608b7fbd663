//! A delivery: which messages it is about, and what SQS is to do with it deferred.

use std::time::Duration;

use app::telemetry::chain;
use app::{AppState, NotConfigured};
use chrono::{DateTime, Utc};
use domain::job::{Envelope, Job};
use domain::{MessageId, backoff};
use store::messages::processing::{self, Claim, Lease};
use store::{StoreError, with_timeout};
use thiserror::Error;
use tracing::{error, info};
use uuid::Uuid;

use crate::attempt::Attempt;
use crate::deferred::Deferred;

/// What must be left of the function's time after Gemini's time-out, to store the answer.
pub(crate) const STORE_MARGIN: Duration = Duration::from_secs(10);
/// What a lease lasts beyond Gemini's time-out.
const LEASE_MARGIN: Duration = Duration::from_secs(15);
/// The most exchanges of a room's history that are read.
const HISTORY_LIMIT: i64 = 50;
/// The wait after a first delivery that broke off for want of Postgres; it doubles.
const FAULT_DELAY: Duration = Duration::from_secs(2);
/// How long Postgres may take over one statement, the connection included.
pub(crate) const STATEMENT_TIMEOUT: Duration = Duration::from_secs(6);

/// What SQS is to do with a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Forget it.
    Done,
    /// Bring it again: after this time, or after the queue's own.
    Later(Option<Duration>),
}

/// Why a delivery could not be brought to an end. It comes back.
#[derive(Debug, Error)]
pub(crate) enum Fault {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Setup(#[from] NotConfigured),
}

/// Answers the message that `body` names, and before it what else waits in its room; nothing is begun that could not end
/// before `deadline`.
pub(crate) async fn answer(
    app: &AppState,
    body: &str,
    receive_count: i32,
    deadline: DateTime<Utc>,
    deferred: &Deferred,
) -> Outcome {
    let envelope: Envelope = match serde_json::from_str(body) {
        Ok(envelope) => envelope,
        Err(error) => {
            // Not for us to drop: it goes to the dead-letter queue, where somebody sees it.
            error!(error = chain(&error), "a job cannot be read");
            return Outcome::Later(None);
        }
    };
    let Job::AnswerMessage { message_id } = envelope.job;
    catch_up(app, message_id, deadline, deferred).await.unwrap_or_else(|fault| {
        error!(error = chain(&fault), message.id = %message_id, receive_count, "an attempt broke off");
        // Ever longer: an outage must not use up the deliveries after which a job is a dead letter.
        Outcome::Later(Some(backoff::delay(receive_count, FAULT_DELAY, 0.0, None)))
    })
}

/// Answers the unfinished messages of a room in their order, up to the one `delivered`.
async fn catch_up(
    app: &AppState,
    delivered: MessageId,
    deadline: DateTime<Utc>,
    deferred: &Deferred,
) -> Result<Outcome, Fault> {
    loop {
        let (now, timeout) = (app.clock.now(), app.config.gemini.timeout);
        if now + timeout + STORE_MARGIN > deadline {
            return Ok(Outcome::Later(Some(Duration::ZERO)));
        }
        let owner = Uuid::new_v4();
        let claim = with_timeout(STATEMENT_TIMEOUT, async {
            let db = app.db().await?;
            let now = app.clock.now();
            let until = now + timeout + LEASE_MARGIN;
            processing::claim_next_message(&db, delivered, owner, now, until, HISTORY_LIMIT).await
        });
        let work = match claim.await? {
            Claim::Claimed(work) => *work,
            Claim::NotDue { until } => {
                info!(message.id = %delivered, %until, "held by another, or not due yet");
                return Ok(Outcome::Later(Some((until - app.clock.now()).to_std().unwrap_or_default())));
            }
            Claim::Finished | Claim::NotFound => {
                info!(message.id = %delivered, "nothing left to do");
                return Ok(Outcome::Done);
            }
        };
        let lease = Lease { message_id: work.message_id, owner };
        let outcome = Attempt::new(app, lease, &work, deadline, deferred).run(work).await?;
        if outcome != Outcome::Done || lease.message_id == delivered {
            return Ok(outcome);
        }
    }
}
