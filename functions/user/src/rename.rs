//! `PUT /api/user/me`.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::Text;
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::users;
use web::{ApiError, Caller, UserView, Valid, success};

#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
pub(crate) struct Rename {
    #[serde(default)]
    #[schema(required = true)]
    #[garde(dive)]
    name: Text<2, 100>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Renamed {
    message: &'static str,
    user: UserView,
}

/// Renames the account.
#[utoipa::path(
    put, path = "/api/user/me", operation_id = "rename", tag = "User",
    security(("token" = [])),
    request_body = Rename,
    responses(
        (status = 200, description = "The account as it is now.", body = Renamed),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
    Valid(input): Valid<Rename>,
) -> Result<impl IntoResponse, ApiError> {
    let renamed =
        users::update_name(&app.db().await?, caller.user_id, input.name.trim(), app.clock.now()).await?;
    let user = renamed.ok_or_else(|| ApiError::not_found("account"))?;
    Ok(success(Renamed { message: "Profile updated", user: user.into() }))
}
