//! What operators see of a message.

use std::collections::HashMap;

use app::AppState;
use app::telemetry::chain;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use clients::table::jobs::JobRecord;
use domain::message::{ErrorCode, ProcessingStatus};
use domain::{ChatroomId, MessageId, UserId};
use serde::Serialize;
use store::messages::progress::{self, Progress};
use tracing::warn;
use web::ApiError;

/// A message, as the operator sees it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct JobView {
    id: MessageId,
    chatroom_id: ChatroomId,
    user_id: UserId,
    processing_status: ProcessingStatus,
    error_code: Option<ErrorCode>,
    attempts: i32,
    /// How often it was put on the queue again.
    resends: i32,
    /// Until when a worker holds it, or it waits.
    not_before: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    /// Kept for a day.
    last_attempt: Option<AttemptView>,
}

/// How its last attempt ended.
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

/// The views of `messages`, with their last attempts where these are on record. Without the table the messages are shown
/// all the same.
pub(crate) async fn views(app: &AppState, messages: Vec<Progress>) -> Vec<JobView> {
    let ids: Vec<MessageId> = messages.iter().map(|message| message.id).collect();
    let found = match app.table() {
        Ok(_) if ids.is_empty() => Ok(HashMap::new()),
        Ok(table) => table.find_jobs(&ids, app.clock.now()).await.map_err(|error| chain(&error)),
        Err(error) => Err(chain(&error)),
    };
    let mut records = found.unwrap_or_else(|error| {
        warn!(error, "shown without their last attempts");
        HashMap::new()
    });
    let view = |message: Progress| JobView {
        last_attempt: records.remove(&message.id).map(Into::into),
        id: message.id,
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

/// The answer where a message is not failed: 409 saying what it is, or 404 where there is none.
pub(crate) async fn absent_or_not_failed(app: &AppState, id: MessageId) -> ApiError {
    let found = async { progress::find(&app.db().await?, id).await };
    match found.await {
        Ok(Some(message)) => ApiError::new(
            StatusCode::CONFLICT,
            "wrong_state",
            "only a message that failed has this done to it",
        )
        .with("processing_status", message.status),
        Ok(None) => ApiError::not_found("message"),
        Err(error) => error.into(),
    }
}
