//! Lists what users say about answers.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use domain::feedback::Rating;
use domain::{MessageId, UserId};
use serde::Serialize;
use store::feedback::{self, ListedFeedback};
use web::{Admin, ApiError, ValidQuery, success};

use crate::cursor::{Cursor, PageQuery};

/// Feedback to an answer, without the answer.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct FeedbackEntry {
    /// The answer.
    message_id: MessageId,
    user_id: UserId,
    /// The model that wrote the answer.
    model: Option<String>,
    rating: Rating,
    comment: Option<String>,
    answered_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<ListedFeedback> for FeedbackEntry {
    fn from(listed: ListedFeedback) -> Self {
        Self {
            message_id: listed.message_id,
            user_id: listed.user_id,
            model: listed.model,
            rating: listed.feedback.rating,
            comment: listed.feedback.comment,
            answered_at: listed.answered_at,
            updated_at: listed.feedback.updated_at,
        }
    }
}

/// A page of feedback.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct FeedbackList {
    feedback: Vec<FeedbackEntry>,
    next_cursor: Option<String>,
}

/// Lists the feedback of all users with its comments, the latest first.
///
/// It shows neither questions nor answers. Requires the role admin.
#[utoipa::path(
    get, path = "/api/queue/feedback",
    security(("token" = [])),
    params(PageQuery),
    responses(
        (status = 200, description = "A page of feedback.", body = FeedbackList),
        (status = 403, description = "`forbidden`, `account_suspended`: This requires the role admin."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    _: Admin,
    ValidQuery(query): ValidQuery<PageQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let before = query.cursor.map(|Cursor(at, id)| (at, MessageId(id)));
    let mut entries = feedback::list(&app.db().await?, before, query.limit + 1).await?;
    let next_cursor = query.cut(&mut entries, |last| Cursor(last.feedback.updated_at, last.message_id.0));
    Ok(success(FeedbackList { feedback: entries.into_iter().map(Into::into).collect(), next_cursor }))
}
