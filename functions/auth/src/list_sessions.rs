//! Lists the sessions of the caller.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use domain::SessionId;
use serde::Serialize;
use store::sessions;
use web::{ApiError, Caller, success};

/// The active sessions of the caller.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct SessionListView {
    sessions: Vec<SessionView>,
}

/// A session on a device.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct SessionView {
    id: SessionId,
    /// Whether this is the session of the request.
    current: bool,
    address: Option<String>,
    user_agent: Option<String>,
    created_at: DateTime<Utc>,
    last_seen_at: DateTime<Utc>,
}

/// Lists the active sessions of the caller, the last seen first.
///
/// A session starts with a sign-up or a sign-in on a device.
#[utoipa::path(
    get, path = "/api/auth/sessions",
    security(("token" = [])),
    responses(
        (status = 200, description = "The active sessions.", body = SessionListView),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
) -> Result<impl IntoResponse, ApiError> {
    let found = sessions::list(&app.db().await?, caller.user_id, app.clock.now()).await?;
    let view = |session: sessions::Session| SessionView {
        current: session.id == caller.session_id,
        id: session.id,
        address: session.address,
        user_agent: session.user_agent,
        created_at: session.created_at,
        last_seen_at: session.last_seen_at,
    };
    Ok(success(SessionListView { sessions: found.into_iter().map(view).collect() }))
}
