//! Suspends an account, for operators.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use domain::UserId;
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::generations::account;
use store::users::operators;
use tracing::info;
use web::{Admin, ApiError, ClientInfo, Id, Valid, success};

/// How to suspend an account.
#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
pub(crate) struct SuspendAccount {
    /// Also ends the sessions, for an account that someone else has taken over. A signed-in device
    /// can otherwise still export the data and, with the password, delete the account.
    #[serde(default)]
    #[schema(default = false)]
    #[garde(skip)]
    end_sessions: bool,
}

/// An account that is suspended.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct AccountSuspension {
    message: &'static str,
    id: UserId,
    /// How many unfinished messages were cancelled.
    cancelled_messages: i64,
}

/// Suspends an account: its requests get 403 `account_suspended` from the next one on, and it
/// cannot sign in.
///
/// Requires the role admin. Unfinished messages are cancelled, and refunded if the model was not
/// called for them. The data and the subscription stay as they are.
#[utoipa::path(
    post, path = "/api/user/{id}/suspend",
    security(("token" = [])),
    params(("id" = UserId, Path, description = "The account.")),
    request_body = SuspendAccount,
    responses(
        (status = 200, description = "The account is suspended.", body = AccountSuspension),
        (status = 403, description = "`forbidden`, `account_suspended`: This requires the role admin."),
        (status = 409, description = "`own_account`: Operators cannot suspend their own account."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    Admin(caller): Admin,
    client: ClientInfo,
    Id(id): Id<UserId>,
    Valid(input): Valid<SuspendAccount>,
) -> Result<impl IntoResponse, ApiError> {
    if id == caller.user_id {
        let detail = "operators cannot suspend their own account; another operator can";
        return Err(ApiError::new(StatusCode::CONFLICT, "own_account", detail));
    }
    let (operator, now, end_sessions) = (caller.operator(&client), app.clock.now(), input.end_sessions);
    let mut db = app.db().await?;
    let suspended = operators::suspend(&mut db, id, end_sessions, operator, now).await?;
    let sessions = suspended.ok_or_else(|| ApiError::not_found("account"))?;
    let cancelled_messages = account::cancel_all(&db, id, now).await?;
    drop(db);
    if end_sessions {
        services::sessions::invalidate(&app, &sessions).await;
    } else {
        services::sessions::invalidate_suspended(&app, &sessions).await;
    }
    info!(user.id = %id, operator.id = %caller.user_id, "an operator suspended an account");
    Ok(success(AccountSuspension { message: "Account suspended", id, cancelled_messages }))
}
