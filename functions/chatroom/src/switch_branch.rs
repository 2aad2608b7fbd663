//! Shows another branch of a chatroom.

use std::sync::Arc;
use std::time::Duration;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use clients::redis::token_bucket::Limit;
use domain::{ChatroomId, MessageId};
use garde::Validate;
use serde::Deserialize;
use store::messages::branches;
use web::{ApiError, Caller, Id, MessageResponse, Valid, success, user_limit};

/// How often a user can switch. Each time every message below the fork is written, in a long chatroom
/// thousands.
const SWITCHES: Limit = Limit { max: 100, window: Duration::from_mins(15) };

/// The branch to show.
#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
pub(crate) struct SwitchBranch {
    /// A message on it.
    #[garde(skip)]
    message_id: MessageId,
}

/// Shows the branch of a chatroom that contains a message.
///
/// Below the message, the branch that was shown last or else the newest one is shown.
#[utoipa::path(
    put, path = "/api/chatroom/{id}/branch",
    security(("token" = [])),
    request_body = SwitchBranch,
    params(("id" = ChatroomId, Path, description = "The chatroom.")),
    responses(
        (status = 200, description = "The branch is shown.", body = MessageResponse),
        (status = 429, description = "`rate_limited`: Too many requests, or more than 100 switches in 15 minutes."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
    Id(chatroom): Id<ChatroomId>,
    Valid(input): Valid<SwitchBranch>,
) -> Result<impl IntoResponse, ApiError> {
    user_limit::charge(&app, caller.user_id, "switches", SWITCHES).await?;
    let switched = branches::switch(&mut app.db().await?, caller.user_id, chatroom, input.message_id).await?;
    if !switched {
        return Err(ApiError::not_found("message"));
    }
    Ok(success(MessageResponse { message: "Branch switched" }))
}
