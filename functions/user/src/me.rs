//! `GET /api/user/me`.

use app::App;
use axum::extract::State;
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use domain::quota::{self, Usage};
use domain::{Tier, UserId};
use serde::Serialize;
use store::users;
use web::{ApiError, Caller, success};

#[derive(Debug, Serialize)]
struct Me {
    user: UserView,
    usage: Usage,
}

#[derive(Debug, Serialize)]
struct UserView {
    id: UserId,
    mobile_number: String,
    name: String,
    subscription_tier: Tier,
    created_at: DateTime<Utc>,
}

/// The account and what is left of today's messages.
pub(crate) async fn handle(State(app): State<App>, caller: Caller) -> Result<impl IntoResponse, ApiError> {
    let now = app.clock.now();
    let found = users::find_with_usage(&app.db().await?, caller.user_id, quota::day_of(now)).await?;
    let (user, messages_used) = found.ok_or_else(|| ApiError::not_found("account"))?;
    Ok(success(Me {
        usage: Usage::new(messages_used, app.config.daily_limits.of(user.tier), now),
        user: UserView {
            id: user.id,
            mobile_number: user.mobile_number,
            name: user.name,
            subscription_tier: user.tier,
            created_at: user.created_at,
        },
    }))
}
