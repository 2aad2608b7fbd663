//! Ends one session of the caller.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::SessionId;
use store::sessions::{self, SessionFilter};
use web::{ApiError, CallerOrSuspended, Id, MessageResponse, success};

/// Ends one of the caller's sessions, which signs that device out.
///
/// Its tokens are invalid from the next request on.
#[utoipa::path(
    delete, path = "/api/auth/sessions/{id}",
    security(("token" = [])),
    params(("id" = SessionId, Path, description = "The id of the session.")),
    responses(
        (status = 200, description = "The session has ended.", body = MessageResponse),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    CallerOrSuspended(caller): CallerOrSuspended,
    Id(id): Id<SessionId>,
) -> Result<impl IntoResponse, ApiError> {
    let ended = sessions::delete(&app.db().await?, caller.user_id, SessionFilter::One(id)).await?;
    if ended.is_empty() {
        return Err(ApiError::not_found("session"));
    }
    services::sessions::invalidate(&app, &ended).await;
    Ok(success(MessageResponse { message: "Signed out" }))
}
