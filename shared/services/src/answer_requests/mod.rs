//! Requests for answers: by a new message, by an edited one, or for another answer to a question.
//!
//! Each stores the request in one transaction with the quota unit that it costs, and sends its job to
//! the queue. An execution that was interrupted is completed by the next one with the same id.

mod error;
mod regenerating;
mod sending;

use app::AppState;
use chrono::{DateTime, Utc};
use domain::quota::{self, Usage};
use domain::switches::{Feature, FeaturePaused};
use domain::{ChatroomId, GenerationId, MessageId, UserId};
use serde::{Deserialize, Serialize};
use store::{GenericClient, users};
use tracing::info;

pub use self::error::{AnswerRequestError, quota_exhausted, spend_cap_reached};
pub use self::regenerating::{RegenerationReceipt, regenerate, resume_regeneration};
pub use self::sending::{NewQuestion, edit, send, send_in_new_chatroom, send_new};
use crate::jobs::QueueStatus;
use crate::{chatroom_list, jobs};

/// A message that was accepted. An idempotent operation stores it: everything but the text.
#[derive(Debug, Serialize, Deserialize)]
pub struct MessageReceipt {
    /// The id of the message.
    pub id: MessageId,
    /// When it was stored.
    pub created_at: DateTime<Utc>,
    /// Whether the queue has its job.
    pub queue_status: QueueStatus,
    /// The quota of the day, with this message.
    pub usage: Usage,
}

/// Refuses a request for an answer while an operator has paused sending, or every model that could
/// answer it. `model` is the one that the request names.
///
/// # Errors
/// The feature that is paused.
pub async fn check_paused(app: &AppState, model: Option<&str>) -> Result<(), FeaturePaused> {
    let paused = app.switches.paused().await;
    paused.check(Feature::Sending)?;
    if app.config.gemini.models.can_answer(model, &paused) {
        return Ok(());
    }
    Err(FeaturePaused(Feature::Model(model.unwrap_or_default().to_owned())))
}

/// Enqueues the first job for `generation` of `question`, and invalidates the cached chatroom list
/// meanwhile.
async fn enqueue(
    app: &AppState,
    owner: UserId,
    chatroom: ChatroomId,
    question: MessageId,
    generation: GenerationId,
) -> QueueStatus {
    let origin = app::trace::current();
    let job = jobs::enqueue(app, chatroom, generation, 0, origin.as_ref());
    let (queue_status, ()) = tokio::join!(job, chatroom_list::invalidate(app, owner));
    info!(message.id = %question, generation.id = %generation, ?queue_status, "accepted");
    queue_status
}

/// The messages that `owner` has used today. Only an execution that finds its message already
/// stored needs this query; the insertion returns the same numbers.
///
/// # Errors
/// There is no such account, or Postgres does not respond.
pub async fn usage_today(
    app: &AppState,
    db: &impl GenericClient,
    owner: UserId,
) -> Result<Usage, AnswerRequestError> {
    let now = app.clock.now();
    let found = users::find_with_usage(db, owner, quota::day_of(now)).await?;
    let (account, used) = found.ok_or(AnswerRequestError::NotFound("account"))?;
    Ok(Usage::new(used, app.config.daily_limits.of(account.tier), now))
}
