//! Returns the caller's account and today's usage.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use domain::quota::{self, Usage};
use serde::Serialize;
use store::users;
use web::{ApiError, Caller, UserView, success};

/// An account and today's usage.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct AccountWithUsageView {
    user: AccountView,
    usage: Usage,
}

/// An account with the time of its creation.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct AccountView {
    #[serde(flatten)]
    user: UserView,
    created_at: DateTime<Utc>,
}

/// Returns the account and today's usage.
///
/// The usage counts accepted messages and restarts at midnight UTC.
#[utoipa::path(
    get, path = "/api/user/me",
    security(("token" = [])),
    responses(
        (status = 200, description = "The account and today's usage.", body = AccountWithUsageView),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
) -> Result<impl IntoResponse, ApiError> {
    let now = app.clock.now();
    let found = users::find_with_usage(&app.db().await?, caller.user_id, quota::day_of(now)).await?;
    let (user, messages_used) = found.ok_or_else(|| ApiError::not_found("account"))?;
    Ok(success(AccountWithUsageView {
        usage: Usage::new(messages_used, app.config.daily_limits.of(user.tier), now),
        user: AccountView { created_at: user.created_at, user: user.into() },
    }))
}
