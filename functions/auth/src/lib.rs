//! The Lambda `auth`: sign-up, sign-in, passwords and sessions. One file per endpoint.

mod change_password;
mod end_session;
mod forgot_password;
mod list_sessions;
mod login;
mod logout;
mod new_session;
mod one_time_codes;
mod refresh_session;
mod reset_password;
mod send_signup_otp;
#[cfg(test)]
mod tests;
mod verify_signup_otp;

use app::Dependency;
use utoipa::OpenApi;
use web::Routes;
use web::openapi::Part;

/// The dependencies that this function requires at start-up.
pub const DEPENDENCIES: &[Dependency] =
    &[Dependency::DATABASE, Dependency::REDIS, Dependency::TOKENS, Dependency::CODES];

/// The routes below `/api/auth`.
pub fn routes() -> Routes {
    Routes::new()
        .post("/api/auth/send-signup-otp", send_signup_otp::handle)
        .post("/api/auth/verify-signup-otp", verify_signup_otp::handle)
        .post("/api/auth/login", login::handle)
        .post("/api/auth/forgot-password", forgot_password::handle)
        .post("/api/auth/reset-password", reset_password::handle)
        .post("/api/auth/change-password", change_password::handle)
        .post("/api/auth/refresh", refresh_session::handle)
        .post("/api/auth/logout", logout::handle)
        .read("/api/auth/sessions", list_sessions::handle)
        .delete("/api/auth/sessions/{id}", end_session::handle)
}

/// What the handlers say of themselves.
#[derive(OpenApi)]
#[openapi(
    tags((name = "Auth", description = "Accounts, passwords, sessions.")),
    paths(send_signup_otp::handle, verify_signup_otp::handle, login::handle, forgot_password::handle, reset_password::handle, change_password::handle, refresh_session::handle, logout::handle, list_sessions::handle, end_session::handle)
)]
struct Documentation;

/// The routes, and what is said of them in the OpenAPI document.
#[must_use]
pub fn documented() -> Part {
    Part { routes: routes(), document: Documentation::openapi() }
}
