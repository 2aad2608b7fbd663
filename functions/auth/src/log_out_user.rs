//! Ends the current session, all others, or all sessions of the caller.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::SessionId;
use domain::session::LogoutScope;
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::sessions::{self, SessionFilter};
use web::{ApiError, CallerOrSuspended, Valid, success};

/// The sessions to end.
#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
pub(crate) struct Logout {
    #[serde(default)]
    #[garde(skip)]
    scope: LogoutScope,
}

/// How many sessions have ended.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct EndedSessionsView {
    message: &'static str,
    /// The number of sessions that were ended.
    ended: usize,
}

/// Ends sessions. Their tokens are invalid from the next request on.
#[utoipa::path(
    post, path = "/api/auth/logout",
    security(("token" = [])),
    request_body = Logout,
    responses(
        (status = 200, description = "The sessions have ended.", body = EndedSessionsView),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    CallerOrSuspended(caller): CallerOrSuspended,
    Valid(input): Valid<Logout>,
) -> Result<impl IntoResponse, ApiError> {
    let filter = match input.scope {
        LogoutScope::This => SessionFilter::One(caller.session_id),
        LogoutScope::Others => SessionFilter::AllExcept(caller.session_id),
        LogoutScope::All => SessionFilter::All,
    };
    let ended = sessions::delete(&app.db().await?, caller.user_id, filter).await?;
    // Also invalidates this session if a previous logout deleted it but died before it invalidated
    // the cached entry.
    let own = (input.scope != LogoutScope::Others).then_some(caller.session_id);
    let invalidated: Vec<SessionId> = ended.iter().copied().chain(own).collect();
    services::sessions::invalidate(&app, &invalidated).await;
    Ok(success(EndedSessionsView { message: "Logged out", ended: ended.len() }))
}
