//! Shows an account to operators.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::UserId;
use store::users::operators;
use web::{Admin, ApiError, ClientInfo, Id, success};

use crate::operator_views::FoundAccountView;

/// Shows an account without its number, its name and its texts.
///
/// Requires the role admin. The access is written to the audit log.
#[utoipa::path(
    get, path = "/api/user/{id}",
    security(("token" = [])),
    params(("id" = UserId, Path, description = "The account.")),
    responses(
        (status = 200, description = "The account.", body = FoundAccountView),
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
    let found = operators::find(&app.db().await?, id, operator, app.clock.now()).await?;
    let account = found.ok_or_else(|| ApiError::not_found("account"))?;
    Ok(success(FoundAccountView::from(account)))
}
