//! Ends the suspension of an account, for operators.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::UserId;
use serde::Serialize;
use store::users::operators;
use tracing::info;
use web::{Admin, ApiError, ClientInfo, Id, success};

/// An account that is not suspended.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct AccountRestoration {
    message: &'static str,
    id: UserId,
}

/// Ends the suspension of an account from its next request on.
///
/// Requires the role admin. If the owner has deleted the suspended account, its number can sign up
/// again.
#[utoipa::path(
    post, path = "/api/user/{id}/restore",
    security(("token" = [])),
    params(("id" = UserId, Path, description = "The account.")),
    responses(
        (status = 200, description = "The account is not suspended.", body = AccountRestoration),
        (status = 403, description = "`forbidden`, `account_suspended`: This requires the role admin."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    Admin(caller): Admin,
    client: ClientInfo,
    Id(id): Id<UserId>,
) -> Result<impl IntoResponse, ApiError> {
    let operator = caller.operator(&client);
    let restored = operators::restore(&app.db().await?, id, operator, app.clock.now()).await?;
    let sessions = restored.ok_or_else(|| ApiError::not_found("account"))?;
    services::sessions::invalidate_restored(&app, &sessions).await;
    info!(user.id = %id, operator.id = %caller.user_id, "an operator restored an account");
    Ok(success(AccountRestoration { message: "Account restored", id }))
}
