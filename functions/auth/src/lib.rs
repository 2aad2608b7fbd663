//! Accounts: signing up, signing in, and passwords. One file an endpoint.

mod change_password;
mod codes;
mod end_session;
mod forgot_password;
mod login;
mod logout;
mod refresh;
mod reset_password;
mod send_signup_otp;
mod sessions;
mod sign_in;
#[cfg(test)]
mod tests;
mod verify_signup_otp;

use app::Dependency;

/// What this function cannot do without.
pub const DEPENDENCIES: &[Dependency] =
    &[Dependency::DATABASE, Dependency::REDIS, Dependency::TOKENS, Dependency::CODES];

web::endpoints! {
    tag: "Auth", "Accounts, passwords and sessions.";
    send_signup_otp: Standard,
    verify_signup_otp: Standard,
    login: Standard,
    forgot_password: Standard,
    reset_password: Standard,
    change_password: Standard,
    refresh: Standard,
    logout: Standard,
    sessions: SpeculativeRead,
    end_session: Standard,
}
