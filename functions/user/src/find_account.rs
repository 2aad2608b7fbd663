//! Finds an account by its mobile number, for operators.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::AccountNumber;
use garde::Validate;
use serde::Deserialize;
use store::users::operators;
use web::{Admin, ApiError, ClientInfo, Valid, success};

use crate::operator_views::FoundAccountView;

/// The mobile number of an account.
#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
pub(crate) struct FindAccount {
    #[serde(default)]
    #[schema(required = true)]
    #[garde(dive)]
    mobile_number: AccountNumber,
}

/// Finds an account by its mobile number, which is in the body because logs contain URLs.
///
/// Requires the role admin. The search is written to the audit log, without the number.
#[utoipa::path(
    post, path = "/api/user/find",
    security(("token" = [])),
    request_body = FindAccount,
    responses(
        (status = 200, description = "The account.", body = FoundAccountView),
        (status = 403, description = "`forbidden`, `account_suspended`: This requires the role admin."),
        (status = 404, description = "`not_found`: No account has this number."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    Admin(caller): Admin,
    client: ClientInfo,
    Valid(input): Valid<FindAccount>,
) -> Result<impl IntoResponse, ApiError> {
    let (operator, now) = (caller.operator(&client), app.clock.now());
    let found = operators::find_by_number(&app.db().await?, &input.mobile_number, operator, now).await?;
    let account = found.ok_or_else(|| ApiError::not_found("account"))?;
    Ok(success(FoundAccountView::from(account)))
}
