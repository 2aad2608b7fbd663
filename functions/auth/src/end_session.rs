//! `DELETE /api/auth/sessions/{id}`.

use app::App;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::SessionId;
use serde_json::json;
use store::sessions::{self, Ended};
use web::{ApiError, Caller, Id, success};

/// Signs one of the caller's devices out.
pub(crate) async fn handle(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<SessionId>,
) -> Result<impl IntoResponse, ApiError> {
    if sessions::delete(&app.db().await?, caller.user_id, Ended::One(id)).await? == 0 {
        return Err(ApiError::not_found("session"));
    }
    Ok(success(json!({ "message": "Signed out" })))
}
