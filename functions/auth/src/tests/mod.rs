//! Calls the routes in-process, with real Postgres and Redis.

mod code_delivery;
mod code_limits;
mod metrics;
mod one_time_codes;
mod password_attempts;
mod password_rules;
mod passwords;
mod paused;
mod repetitions;
mod sessions;
mod stored_spellings;
mod validation;
mod void_codes;

use domain::MobileNumber;
use serde_json::json;
use testkit::{Response, TestApp};

async fn start() -> TestApp {
    TestApp::serving(crate::routes()).start().await
}

/// Requests a sign-up code for `number` and returns it.
async fn signup_code(app: &TestApp, number: &MobileNumber) -> String {
    let body = json!({ "mobile_number": number.as_str() });
    app.request("POST", "/api/auth/send-signup-otp").json(body).send().await.expect(200).text("/otp")
}

async fn verify(app: &TestApp, number: &MobileNumber, otp: &str) -> Response {
    let body = json!({ "mobile_number": number.as_str(), "otp": otp, "name": " Ada ", "password": "first password" });
    app.request("POST", "/api/auth/verify-signup-otp").json(body).send().await
}

async fn login(app: &TestApp, number: &MobileNumber, password: &str) -> Response {
    let body = json!({ "mobile_number": number.as_str(), "password": password });
    app.request("POST", "/api/auth/login").json(body).send().await
}

/// A code other than `correct`.
fn wrong(correct: &str) -> String {
    format!("{:06}", (correct.parse::<u32>().unwrap() + 1) % 1_000_000)
}

/// The seconds in `Retry-After`.
fn retry_after(response: &Response) -> u64 {
    response.header("retry-after").unwrap().parse().unwrap()
}
