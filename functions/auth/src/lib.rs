//! Accounts: signing up, signing in, and passwords. One file an endpoint.

mod change_password;
mod codes;
mod end_session;
mod forgot_password;
mod login;
mod logout;
mod passwords;
mod refresh;
mod reset_password;
mod send_signup_otp;
mod sessions;
mod sign_in;
#[cfg(test)]
mod tests;
mod verify_signup_otp;

use app::Need;
use axum::routing::{delete, get, post};
use web::Routes;

/// What this function cannot do without.
pub const NEEDS: &[Need] = &[Need::Database, Need::Redis, Need::Tokens, Need::Codes];

/// The routes below `/api/auth`.
pub fn routes() -> Routes {
    Routes::new()
        .route("/api/auth/send-signup-otp", post(send_signup_otp::handle))
        .route("/api/auth/verify-signup-otp", post(verify_signup_otp::handle))
        .route("/api/auth/login", post(login::handle))
        .route("/api/auth/forgot-password", post(forgot_password::handle))
        .route("/api/auth/reset-password", post(reset_password::handle))
        .route("/api/auth/change-password", post(change_password::handle))
        .route("/api/auth/refresh", post(refresh::handle))
        .route("/api/auth/logout", post(logout::handle))
        .route("/api/auth/sessions", get(sessions::handle))
        .route("/api/auth/sessions/{id}", delete(end_session::handle))
}
