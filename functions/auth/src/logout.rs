//! `POST /api/auth/logout`.

use app::App;
use axum::extract::State;
use axum::response::IntoResponse;
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::sessions::{self, Ended};
use web::{ApiError, Caller, Valid, success};

#[derive(Debug, Default, Deserialize, Validate)]
#[serde(default)]
pub(crate) struct Logout {
    #[garde(skip)]
    scope: Scope,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Scope {
    /// The session of this request.
    #[default]
    This,
    /// All others.
    Others,
    /// All.
    All,
}

#[derive(Debug, Serialize)]
struct LoggedOut {
    message: &'static str,
    /// How many sessions were ended.
    ended: usize,
}

/// Ends sessions: their tokens open nothing from the next request on.
pub(crate) async fn handle(
    State(app): State<App>,
    caller: Caller,
    Valid(input): Valid<Logout>,
) -> Result<impl IntoResponse, ApiError> {
    let which = match input.scope {
        Scope::This => Ended::One(caller.session_id),
        Scope::Others => Ended::AllBut(caller.session_id),
        Scope::All => Ended::All,
    };
    let ended = sessions::delete(&app.db().await?, caller.user_id, which).await?;
    app.forget_sessions(&ended).await;
    Ok(success(LoggedOut { message: "Logged out", ended: ended.len() }))
}
