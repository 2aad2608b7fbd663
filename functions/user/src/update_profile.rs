//! Changes the name of the account.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::Text;
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::users;
use web::{ApiError, Caller, UserView, Valid, success};

/// The new profile.
#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
pub(crate) struct UpdateProfile {
    #[serde(default)]
    #[schema(required = true)]
    #[garde(dive)]
    name: Text<2, 100>,
}

/// The account with its new name.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct UpdatedProfileView {
    message: &'static str,
    user: UserView,
}

/// Changes the name of the account.
///
/// The mobile number cannot be changed.
#[utoipa::path(
    put, path = "/api/user/me",
    security(("token" = [])),
    request_body = UpdateProfile,
    responses(
        (status = 200, description = "The updated account.", body = UpdatedProfileView),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
    Valid(input): Valid<UpdateProfile>,
) -> Result<impl IntoResponse, ApiError> {
    let updated =
        users::update_name(&app.db().await?, caller.user_id, input.name.trim(), app.clock.now()).await?;
    let user = updated.ok_or_else(|| ApiError::not_found("account"))?;
    Ok(success(UpdatedProfileView { message: "Profile updated", user: user.into() }))
}
