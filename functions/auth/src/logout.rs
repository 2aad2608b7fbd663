//! `POST /api/auth/logout`.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::SessionId;
use domain::session::LogoutScope;
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::sessions::{self, Ended};
use web::{ApiError, Caller, Valid, success};

#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
pub(crate) struct Logout {
    #[serde(default)]
    #[garde(skip)]
    scope: LogoutScope,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct LoggedOut {
    message: &'static str,
    /// How many sessions were ended.
    ended: usize,
}

/// Ends sessions: their tokens open nothing from the next request on.
#[utoipa::path(
    post, path = "/api/auth/logout", operation_id = "logout", tag = "Auth",
    security(("token" = [])),
    request_body = Logout,
    responses(
        (status = 200, description = "The sessions have ended.", body = LoggedOut),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
    Valid(input): Valid<Logout>,
) -> Result<impl IntoResponse, ApiError> {
    let which = match input.scope {
        LogoutScope::This => Ended::One(caller.session_id),
        LogoutScope::Others => Ended::AllBut(caller.session_id),
        LogoutScope::All => Ended::All,
    };
    let ended = sessions::delete(&app.db().await?, caller.user_id, which).await?;
    // The session of this request in any case: one logout before this may have ended it and not have come to say so.
    let own = (input.scope != LogoutScope::Others).then_some(caller.session_id);
    let marked: Vec<SessionId> = ended.iter().copied().chain(own).collect();
    services::sessions::invalidate(&app, &marked).await;
    Ok(success(LoggedOut { message: "Logged out", ended: ended.len() }))
}
