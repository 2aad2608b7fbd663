//! `DELETE /api/queue/failed/{id}`.

use app::App;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::MessageId;
use serde_json::json;
use store::messages::operating;
use tracing::info;
use web::{Admin, ApiError, Id, success};

use crate::views::absent_or_not_failed;

/// Strikes a failed message off the list. For its owner it stays failed, and can be retried.
pub(crate) async fn handle(
    State(app): State<App>,
    Admin(caller): Admin,
    Id(id): Id<MessageId>,
) -> Result<impl IntoResponse, ApiError> {
    if !operating::dismiss(&app.db().await?, id, app.clock.now()).await? {
        return Err(absent_or_not_failed(&app, id).await);
    }
    info!(message.id = %id, operator.id = %caller.user_id, "struck off the list by an operator");
    Ok(success(json!({ "message": "The message is off the list", "id": id })))
}
