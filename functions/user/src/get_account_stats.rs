//! Returns the counters of the caller's account.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use serde::Serialize;
use store::users;
use web::{ApiError, Caller, success};

/// The counters of an account.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct AccountStatsView {
    stats: StatsView,
}

/// Counters of an account.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct StatsView {
    chatroom_count: i64,
    message_count: i64,
    ai_response_count: i64,
    prompt_tokens: i64,
    response_tokens: i64,
}

/// Returns the numbers of chatrooms, messages and tokens of the account.
///
/// They cover its whole lifetime, without deleted chatrooms.
#[utoipa::path(
    get, path = "/api/user/stats",
    security(("token" = [])),
    responses(
        (status = 200, description = "The counters of the account.", body = AccountStatsView),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
) -> Result<impl IntoResponse, ApiError> {
    let found = users::find_stats(&app.db().await?, caller.user_id).await?;
    let stats = found.ok_or_else(|| ApiError::not_found("account"))?;
    Ok(success(AccountStatsView {
        stats: StatsView {
            chatroom_count: stats.chatroom_count,
            message_count: stats.message_count,
            ai_response_count: stats.ai_response_count,
            prompt_tokens: stats.prompt_tokens,
            response_tokens: stats.response_tokens,
        },
    }))
}
