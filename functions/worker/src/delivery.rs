//! One delivery from SQS: which messages it covers, and whether SQS must deliver it again.

use std::time::Duration;

use app::AppState;
use app::telemetry::chain;
use chrono::{DateTime, Utc};
use domain::job::{Envelope, Job};
use domain::{GenerationId, backoff};
use store::generations::account;
use store::generations::claiming::{self, Claim};
use store::generations::processing::Lease;
use store::with_timeout;
use tracing::{error, info};
use uuid::Uuid;

use crate::attempt::Attempt;
use crate::deferred::Deferred;
use crate::lease::renew_while;
use crate::live_answer::LiveAnswer;
use crate::outcome::{
    BUSY_DELAY, DeliveryError, INTERRUPTED_DELAY, Outcome, STATEMENT_TIMEOUT, STORE_MARGIN,
};

/// A processed delivery.
pub(crate) struct Processed {
    /// What SQS must do with it.
    pub(crate) outcome: Outcome,
    /// A generation whose answer may get a title.
    pub(crate) title: Option<GenerationId>,
}

/// Makes the answer that `body` names, and the unfinished ones before it in its chatroom.
/// Starts no attempt that could not end before `deadline`.
pub(crate) async fn process(
    app: &AppState,
    body: &str,
    receive_count: i32,
    deadline: DateTime<Utc>,
    deferred: &Deferred,
) -> Processed {
    let envelope: Envelope = match serde_json::from_str(body) {
        Ok(envelope) => envelope,
        Err(error) => {
            // The job must reach the dead-letter queue, where its alarm informs an operator.
            error!(error = chain(&error), "a job cannot be read");
            return Processed { outcome: Outcome::Redeliver(None), title: None };
        }
    };
    let mut title = None;
    let Job::GenerateAnswer { generation_id } = envelope.job;
    let answered = answer_up_to(app, generation_id, deadline, deferred, &mut title).await;
    let outcome = answered.unwrap_or_else(|error| {
        error!(error = chain(&error), generation.id = %generation_id, receive_count, "a delivery was interrupted");
        // The delay grows, so that an outage does not use up the deliveries that SQS allows before
        // it moves a job to the dead-letter queue.
        Outcome::Redeliver(Some(backoff::delay(receive_count, INTERRUPTED_DELAY, 0.0, None)))
    });
    let outcome = match outcome {
        Outcome::Redeliver(Some(delay)) => {
            Outcome::Redeliver(Some(delay.max(backoff::delivery_floor(receive_count))))
        }
        outcome => outcome,
    };
    Processed { outcome, title }
}

/// Makes the unfinished answers of a chatroom in their order, up to `delivered`. Sets `title` to the one
/// that may get a title.
async fn answer_up_to(
    app: &AppState,
    delivered: GenerationId,
    deadline: DateTime<Utc>,
    deferred: &Deferred,
    title: &mut Option<GenerationId>,
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
            let until = now + app.config.worker.lease;
            claiming::claim_next(&db, delivered, owner, now, until).await
        });
        let work = match claim.await? {
            Claim::Claimed(work) => *work,
            Claim::NotDue { until } => {
                info!(generation.id = %delivered, %until, "claimed by another worker, or not due yet");
                let delay = (until - app.clock.now()).to_std().unwrap_or_default();
                return Ok(Outcome::Redeliver(Some(delay)));
            }
            Claim::TooManyInFlight => {
                info!(generation.id = %delivered, "too many answers of the user are under way");
                return Ok(Outcome::Redeliver(Some(BUSY_DELAY)));
            }
            Claim::AccountClosed { user_id } => {
                info!(generation.id = %delivered, user.id = %user_id, "the account is suspended or deleted");
                let cancelled = with_timeout(STATEMENT_TIMEOUT, async {
                    account::cancel_all(&app.db().await?, user_id, app.clock.now()).await
                });
                cancelled.await?;
                return Ok(Outcome::Delete);
            }
            Claim::Finished { is_title_due } => {
                info!(generation.id = %delivered, is_title_due, "already finished");
                *title = title.or(is_title_due.then_some(delivered));
                return Ok(Outcome::Delete);
            }
            Claim::NotFound => {
                info!(generation.id = %delivered, "deleted");
                return Ok(Outcome::Delete);
            }
        };
        let lease = Lease { generation_id: work.generation_id, owner };
        let live = LiveAnswer::new(app, lease, &work);
        let attempt = Attempt::new(app, lease, &work, deadline, &live, deferred);
        let wants_title = work.wants_title;
        let outcome = renew_while(app, lease, &live, Box::pin(attempt.run(work))).await?;
        if wants_title && outcome == Outcome::Delete {
            *title = Some(lease.generation_id);
        }
        if outcome != Outcome::Delete || lease.generation_id == delivered {
            return Ok(outcome);
        }
    }
}
