//! The Lambda `auth`: sign-up, sign-in, passwords and sessions. One file per endpoint.

mod change_password;
mod end_session;
mod list_sessions;
mod log_in_user;
mod log_out_user;
mod new_session;
mod one_time_codes;
mod refresh_session;
mod reset_password;
mod send_password_reset_otp;
mod send_signup_otp;
#[cfg(test)]
mod tests;
mod verify_signup_otp;

pub use app::functions::AUTH as DEPENDENCIES;

web::endpoints! {
    tag: "Auth", "Accounts, passwords and sessions.";
    send_signup_otp: Standard,
    verify_signup_otp: IdempotentPublic,
    log_in_user: Standard,
    send_password_reset_otp: Standard,
    reset_password: IdempotentPublic,
    change_password: Standard,
    refresh_session: IdempotentPublic,
    log_out_user: Standard,
    list_sessions: SpeculativeRead,
    end_session: Standard,
}
