//! One delivery from SQS: which messages it covers, and whether SQS must deliver it again.

use std::time::Duration;

use app::AppState;
use app::telemetry::chain;
use app::trace::{self, SpanKind, SpanRecord};
use chrono::{DateTime, Utc};
use domain::job::{Envelope, Job};
use domain::{GenerationId, RequestOrigin, TraceContext, backoff};
use store::generations::account;
use store::generations::claiming::{self, Claim, ClaimedGeneration};
use store::generations::processing::Lease;
use store::with_timeout;
use tracing::{Instrument, Span, error, info, info_span};
use uuid::Uuid;

use crate::attempt::{Attempt, AttemptContext};
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

/// Makes the answer that `body` names, and the unfinished ones before it in its chatroom. The request
/// `origin` has sent the delivery.
/// Starts no attempt that could not end before `deadline`.
pub(crate) async fn process(
    app: &AppState,
    body: &str,
    receive_count: i32,
    origin: Option<RequestOrigin>,
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
    let delivered = Delivered { generation_id, origin };
    let answered = answer_up_to(app, &delivered, deadline, deferred, &mut title).await;
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

/// What a delivery asks for.
struct Delivered {
    generation_id: GenerationId,
    origin: Option<RequestOrigin>,
}

/// Makes the unfinished answers of a chatroom in their order, up to `delivered`. Sets `title` to the one
/// that may get a title.
async fn answer_up_to(
    app: &AppState,
    &Delivered { generation_id: delivered, ref origin }: &Delivered,
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
        let mut work = match claim.await? {
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
        if work.generation_id == delivered && work.origin.is_none() {
            work.origin.clone_from(origin);
        }
        let lease = Lease { generation_id: work.generation_id, owner };
        let wants_title = work.wants_title;
        let outcome = attempt_traced(app, lease, work, deadline, deferred).await?;
        if wants_title && outcome == Outcome::Delete {
            *title = Some(lease.generation_id);
        }
        if outcome != Outcome::Delete || lease.generation_id == delivered {
            return Ok(outcome);
        }
    }
}

/// Makes one attempt at `work`, in the trace and under the ids of the request that asked for it.
async fn attempt_traced(
    app: &AppState,
    lease: Lease,
    work: ClaimedGeneration,
    deadline: DateTime<Utc>,
    deferred: &Deferred,
) -> Result<Outcome, DeliveryError> {
    let (started_at, parent) = (app.clock.now(), work.origin.as_ref().map(|origin| origin.trace));
    let trace = parent.map_or_else(trace::root, trace::child);
    let span = span_of(&work, trace);
    let attributes = [
        ("message.id", Some(work.question_id.to_string())),
        ("generation.id", Some(work.generation_id.to_string())),
        ("attempt", Some(work.attempt.to_string())),
        ("request_id", work.origin.as_ref().and_then(|origin| origin.request_id.clone())),
    ];
    let outcome = async {
        let waited_ms = (started_at - work.accepted_at).num_milliseconds();
        info!(attempt = work.attempt, waited_ms, "claimed");
        let live = LiveAnswer::new(app, lease, &work);
        let context = AttemptContext { app, deadline, live: &live, deferred, trace };
        let attempt = Attempt::new(context, lease, &work);
        renew_while(app, lease, &live, Box::pin(attempt.run(work))).await
    };
    let outcome = outcome.instrument(span).await;
    app.tracer.record(trace, || SpanRecord {
        context: trace,
        parent,
        name: "answer message".to_owned(),
        kind: SpanKind::Consumer,
        started_at,
        ended_at: app.clock.now(),
        attributes: attributes.into(),
        is_error: outcome.is_err(),
    });
    outcome
}

/// The span of an attempt. A delivery can bring answers that other requests have asked for.
fn span_of(work: &ClaimedGeneration, trace: TraceContext) -> Span {
    info_span!(
        "attempt",
        message.id = %work.question_id,
        generation.id = %work.generation_id,
        trace_id = trace.trace_id(),
        request_id = work.origin.as_ref().and_then(|origin| origin.request_id.as_deref()),
    )
}
