//! The way of one message: claim it, ask Gemini, store the answer, or put it off, or give it up.

use std::time::Duration;

use app::telemetry::chain;
use app::{App, NotConfigured, rng};
use chrono::{DateTime, Utc};
use clients::gemini::{Answer, GenerateError};
use domain::job::{Envelope, Job};
use domain::message::ErrorCode;
use domain::{MessageId, UserId, backoff, quota};
use rand::RngExt;
use store::StoreError;
use store::messages::answering::{self, Claim, Lease, NewReply, Work};
use thiserror::Error;
use tokio::time::sleep;
use tracing::{error, info, warn};
use uuid::Uuid;

use crate::prompt::prompt;

/// What must be left of the function's time after Gemini's time-out, to store the answer.
const STORE_MARGIN: Duration = Duration::from_secs(5);
/// What a lease lasts beyond Gemini's time-out.
const LEASE_MARGIN: Duration = Duration::from_secs(15);
/// The most exchanges of a room's history that are read.
const HISTORY_LIMIT: i64 = 50;
/// How long to wait before each further try to store an answer that is there.
const STORE_PAUSES: [Duration; 3] =
    [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(2)];

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
enum Fault {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Setup(#[from] NotConfigured),
}

/// Answers the message that `body` names, and before it what else waits in its room; nothing is begun that could not end
/// before `deadline`.
pub(crate) async fn answer(app: &App, body: &str, deadline: DateTime<Utc>) -> Outcome {
    let envelope: Envelope = match serde_json::from_str(body) {
        Ok(envelope) => envelope,
        Err(error) => {
            // Not for us to drop: it goes to the dead-letter queue, where somebody sees it.
            error!(error = chain(&error), "a job cannot be read");
            return Outcome::Later(None);
        }
    };
    let Job::AnswerMessage { message_id } = envelope.job;
    catch_up(app, message_id, deadline).await.unwrap_or_else(|fault| {
        error!(error = chain(&fault), message.id = %message_id, "an attempt broke off");
        Outcome::Later(Some(app.config.worker.retry_base_delay))
    })
}

/// Answers the unfinished messages of a room in their order, up to the one `delivered`.
async fn catch_up(app: &App, delivered: MessageId, deadline: DateTime<Utc>) -> Result<Outcome, Fault> {
    loop {
        let (now, timeout) = (app.clock.now(), app.config.gemini.timeout);
        if now + timeout + STORE_MARGIN > deadline {
            return Ok(Outcome::Later(Some(Duration::ZERO)));
        }
        let (owner, until) = (Uuid::new_v4(), now + timeout + LEASE_MARGIN);
        let claim = answering::claim(&app.db().await?, delivered, owner, now, until, HISTORY_LIMIT).await?;
        let work = match claim {
            Claim::Taken(work) => *work,
            Claim::Held { until } => {
                info!(message.id = %delivered, %until, "held by another, or not due yet");
                return Ok(Outcome::Later(Some((until - now).to_std().unwrap_or_default())));
            }
            Claim::Finished | Claim::Missing => {
                info!(message.id = %delivered, "nothing left to do");
                return Ok(Outcome::Done);
            }
        };
        let lease = Lease { message_id: work.message_id, owner };
        let outcome = attempt(app, lease, work).await?;
        if outcome != Outcome::Done || lease.message_id == delivered {
            return Ok(outcome);
        }
    }
}

async fn attempt(app: &App, lease: Lease, work: Work) -> Result<Outcome, Fault> {
    let (attempt, user_id) = (work.attempt, work.user_id);
    if attempt > app.config.worker.max_attempts {
        warn!(message.id = %lease.message_id, attempt, "every attempt before broke off");
        return give_up(app, lease, user_id, ErrorCode::Internal).await;
    }
    match ask(app, lease, work).await? {
        Ok(answer) => finish(app, lease, user_id, attempt, &answer).await,
        Err(error) if error.is_passing() && attempt < app.config.worker.max_attempts => {
            put_off(app, lease, attempt, &error).await
        }
        Err(error) => {
            warn!(error = chain(&error), message.id = %lease.message_id, attempt, "given up");
            give_up(app, lease, user_id, error.error_code()).await
        }
    }
}

async fn ask(app: &App, lease: Lease, work: Work) -> Result<Result<Answer, GenerateError>, NotConfigured> {
    let (model, attempt) = (app.model()?, work.attempt);
    let prompt = prompt(&app.config.gemini, work);
    info!(message.id = %lease.message_id, attempt, model = prompt.model, turns = prompt.turns.len(), "asking");
    Ok(model.generate(&prompt).await)
}

/// Stores the answer. It was paid for, so a database that does not answer is asked again before it is thrown away.
async fn finish(
    app: &App,
    lease: Lease,
    owner: UserId,
    attempt: i32,
    answer: &Answer,
) -> Result<Outcome, Fault> {
    let mut pauses = STORE_PAUSES.into_iter();
    let stored = loop {
        match store(app, lease, answer).await {
            Err(error) if error.is_unavailable() => match pauses.next() {
                Some(pause) => sleep(pause).await,
                None => break Err(error),
            },
            outcome => break outcome,
        }
    };
    match stored {
        Ok(true) => {
            let (prompt_tokens, response_tokens) = (answer.prompt_tokens, answer.response_tokens);
            info!(message.id = %lease.message_id, attempt, model = answer.model, prompt_tokens, response_tokens, "answered");
            drop_list(app, owner).await;
        }
        Ok(false) => warn!(message.id = %lease.message_id, attempt, "overtaken; the answer is thrown away"),
        Err(error) if error.is_conflict_on("messages_reply_to_key") => {
            warn!(message.id = %lease.message_id, attempt, "answered already; the answer is thrown away");
        }
        Err(error) => return Err(error.into()),
    }
    Ok(Outcome::Done)
}

async fn store(app: &App, lease: Lease, answer: &Answer) -> Result<bool, StoreError> {
    let now = app.clock.now();
    let reply = NewReply {
        id: MessageId::new(now),
        content: &answer.text,
        model: &answer.model,
        prompt_tokens: answer.prompt_tokens,
        response_tokens: answer.response_tokens,
        day: quota::day_of(now),
        created_at: now,
    };
    answering::complete(&app.db().await?, lease, reply).await
}

/// Puts the message back for a further attempt after a wait that doubles each time, or as long as Gemini asked for.
async fn put_off(app: &App, lease: Lease, attempt: i32, error: &GenerateError) -> Result<Outcome, Fault> {
    let jitter = rng().random_range(0.0..1.0);
    let delay = backoff::delay(attempt, app.config.worker.retry_base_delay, jitter, error.retry_delay());
    let now: DateTime<Utc> = app.clock.now();
    answering::release(&app.db().await?, lease, now + delay, now).await?;
    let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
    warn!(error = chain(error), message.id = %lease.message_id, attempt, delay_ms, "put off: backing off");
    Ok(Outcome::Later(Some(delay)))
}

async fn give_up(app: &App, lease: Lease, owner: UserId, code: ErrorCode) -> Result<Outcome, Fault> {
    if answering::fail(&app.db().await?, lease, code, app.clock.now()).await? {
        let error_code = code.as_str();
        warn!(message.id = %lease.message_id, user.id = %owner, error_code, "failed; the unit of quota is given back");
    }
    Ok(Outcome::Done)
}

async fn drop_list(app: &App, owner: UserId) {
    if let Err(error) = app.redis.drop_chatroom_list(owner).await {
        warn!(error = chain(&error), user.id = %owner, "a cached list may be out of date until it expires");
    }
}
