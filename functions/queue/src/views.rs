//! Views: messages in responses to operators. Also the error for a message that has not failed.

use std::collections::HashMap;

use app::AppState;
use app::telemetry::chain;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use clients::table::jobs::JobRecord;
use domain::message::{ErrorCode, ProcessingStatus};
use domain::{ChatroomId, GenerationId, MessageId, UserId};
use serde::Serialize;
use store::generations::progress::{self, Progress};
use tracing::warn;
use web::ApiError;

/// A requested answer, without any text.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct JobView {
    /// Of the first answer to a message, the id of the message.
    id: GenerationId,
    /// The message to answer.
    message_id: MessageId,
    chatroom_id: ChatroomId,
    user_id: UserId,
    processing_status: ProcessingStatus,
    error_code: Option<ErrorCode>,
    attempts: i32,
    /// How often it was sent to the queue again.
    resends: i32,
    /// The end of the worker's lease, or the earliest time of the next attempt.
    not_before: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    /// Available for a day.
    last_attempt: Option<AttemptView>,
}

/// The outcome of the last attempt.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct AttemptView {
    attempts: i32,
    processing_status: ProcessingStatus,
    error: Option<String>,
    model: Option<String>,
    started_at: DateTime<Utc>,
    finished_at: DateTime<Utc>,
}

impl From<JobRecord> for AttemptView {
    fn from(record: JobRecord) -> Self {
        Self {
            attempts: record.attempts,
            processing_status: record.status,
            error: record.last_error,
            model: record.model,
            started_at: record.started_at,
            finished_at: record.finished_at,
        }
    }
}

/// The views of `messages`, with their last attempts if those are recorded. If the table is
/// unavailable, the last attempts are left out.
pub(crate) async fn job_views(app: &AppState, messages: Vec<Progress>) -> Vec<JobView> {
    let ids: Vec<GenerationId> = messages.iter().map(|message| message.id).collect();
    let found = match app.table() {
        Ok(_) if ids.is_empty() => Ok(HashMap::new()),
        Ok(table) => table.find_jobs(&ids, app.clock.now()).await.map_err(|error| chain(&error)),
        Err(error) => Err(chain(&error)),
    };
    let mut records = found.unwrap_or_else(|error| {
        warn!(error, "the last attempts are unavailable");
        HashMap::new()
    });
    let view = |message: Progress| JobView {
        last_attempt: records.remove(&message.id).map(Into::into),
        id: message.id,
        message_id: message.question_id,
        chatroom_id: message.chatroom_id,
        user_id: message.user_id,
        processing_status: message.status,
        error_code: message.error_code,
        attempts: message.attempts,
        resends: message.resends,
        not_before: message.not_before,
        created_at: message.created_at,
        updated_at: message.updated_at,
    };
    messages.into_iter().map(view).collect()
}

/// The error for an operation on a message that has not failed: 409 with its status, or 404 if the
/// message does not exist.
pub(crate) async fn absent_or_not_failed(app: &AppState, id: GenerationId) -> ApiError {
    let found = async { progress::find(&app.db().await?, id).await };
    match found.await {
        Ok(Some(message)) => ApiError::new(
            StatusCode::CONFLICT,
            "wrong_state",
            "only a failed message can be retried or discarded",
        )
        .with("processing_status", message.status),
        Ok(None) => ApiError::not_found("message"),
        Err(error) => error.into(),
    }
}
