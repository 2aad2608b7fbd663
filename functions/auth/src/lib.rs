//! The Lambda `auth`: sign-up, sign-in, passwords and sessions. One file per endpoint.

mod change_password;
mod end_session;
mod list_sessions;
mod login;
mod logout;
mod new_session;
mod one_time_codes;
mod refresh_session;
mod reset_password;
mod send_password_reset_otp;
mod send_signup_otp;
#[cfg(test)]
mod tests;
mod verify_signup_otp;

use app::Dependency;

/// The dependencies that this function requires at start-up.
pub const DEPENDENCIES: &[Dependency] =
    &[Dependency::DATABASE, Dependency::REDIS, Dependency::TOKENS, Dependency::CODES];

web::endpoints! {
    tag: "Auth", "Accounts, passwords and sessions.";
    send_signup_otp: Standard,
    verify_signup_otp: Standard,
    login: Standard,
    send_password_reset_otp: Standard,
    reset_password: Standard,
    change_password: Standard,
    refresh_session: Standard,
    logout: Standard,
    list_sessions: SpeculativeRead,
    end_session: Standard,
}
