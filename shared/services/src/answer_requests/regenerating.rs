//! Requests another answer to a question.

use app::AppState;
use app::metrics::MetricEvent;
use domain::quota::{self, Usage};
use domain::{GenerationId, MessageId, UserId};
use serde::{Deserialize, Serialize};
use store::generations::progress;
use store::messages::regenerating::{self, NewGeneration, RegenerateOutcome};

use super::{AnswerRequestError, check_paused, enqueue, quota_exhausted, spend_cap_reached, usage_today};
use crate::Execution;
use crate::jobs::QueueStatus;

/// Another answer that was requested. An idempotent operation stores it.
#[derive(Debug, Serialize, Deserialize)]
pub struct RegenerationReceipt {
    /// The question.
    pub question_id: MessageId,
    /// Whether the queue has its job.
    pub queue_status: QueueStatus,
    /// The quota of the day, with this answer.
    pub usage: Usage,
}

/// Requests another answer to the question `message` of `owner`, or to that of the answer `message`.
/// The plan includes `model`; without it, that of the chatroom answers.
///
/// # Errors
/// The owner has no such message, its latest answer is not finished, a limit of the day is reached, or
/// Postgres does not respond.
pub async fn regenerate(
    app: &AppState,
    owner: UserId,
    message: MessageId,
    model: Option<&str>,
    execution: Execution,
) -> Result<RegenerationReceipt, AnswerRequestError> {
    check_paused(app, model).await?;
    let (now, limits) = (app.clock.now(), app.config.daily_limits);
    let generation = GenerationId(execution.id);
    let origin = app::trace::current();
    let day = quota::day_of(now);
    let new = NewGeneration { id: generation, model, day, created_at: now, origin: origin.as_ref() };
    let outcome = regenerating::regenerate(&mut app.db().await?, owner, message, new, limits).await;
    match outcome {
        Ok(RegenerateOutcome::Accepted { question, chatroom_id, used, tier }) => {
            app.metrics.emit(&MetricEvent::MessageAccepted { message: question.id });
            let queue_status = enqueue(app, owner, chatroom_id, question.id, generation).await;
            let usage = Usage::new(used, limits.of(tier), now);
            Ok(RegenerationReceipt { question_id: question.id, queue_status, usage })
        }
        Ok(RegenerateOutcome::QuotaExhausted { used, tier }) => {
            Err(quota_exhausted(app, Usage::new(used, limits.of(tier), now), now))
        }
        Ok(RegenerateOutcome::SpendCapReached(scope)) => Err(spend_cap_reached(app, scope, owner, now)),
        Ok(RegenerateOutcome::Unfinished) => Err(AnswerRequestError::Unfinished),
        Ok(RegenerateOutcome::NotFound) => Err(AnswerRequestError::NotFound("message")),
        // An earlier execution was aborted while its statement waited, but the statement completed.
        Err(error) if error.violates("generations_pkey") => {
            resume_regeneration(app, owner, execution).await?.ok_or_else(|| error.into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Completes an earlier execution that was interrupted after it stored the generation. `None` if it
/// has not.
///
/// # Errors
/// Postgres does not respond.
pub async fn resume_regeneration(
    app: &AppState,
    owner: UserId,
    execution: Execution,
) -> Result<Option<RegenerationReceipt>, AnswerRequestError> {
    let generation = GenerationId(execution.id);
    let stored = progress::find(&app.db().await?, generation).await?;
    let Some(stored) = stored.filter(|stored| stored.user_id == owner) else { return Ok(None) };
    let usage = usage_today(app, &app.db().await?, owner).await?;
    let queue_status = enqueue(app, owner, stored.chatroom_id, stored.question_id, generation).await;
    Ok(Some(RegenerationReceipt { question_id: stored.question_id, queue_status, usage }))
}
