//! `PUT /api/user/me`.

use app::App;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::Text;
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::users;
use web::{ApiError, Caller, UserView, Valid, success};

#[derive(Debug, Default, Deserialize, Validate)]
#[serde(default)]
pub(crate) struct Rename {
    #[garde(dive)]
    name: Text<2, 100>,
}

#[derive(Debug, Serialize)]
struct Renamed {
    message: &'static str,
    user: UserView,
}

/// Renames the account.
pub(crate) async fn handle(
    State(app): State<App>,
    caller: Caller,
    Valid(input): Valid<Rename>,
) -> Result<impl IntoResponse, ApiError> {
    let renamed =
        users::update_name(&app.db().await?, caller.user_id, input.name.trimmed(), app.clock.now()).await?;
    let user = renamed.ok_or_else(|| ApiError::not_found("account"))?;
    Ok(success(Renamed { message: "Profile updated", user: user.into() }))
}
