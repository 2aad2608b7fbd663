//! Tests of this function in this process, with real Postgres and Redis and a mock Stripe.

mod account_deletion;
mod checkout;
mod end_dates;
mod lifecycle;
mod payment_confirmation;
mod plans;
mod trials;

use serde_json::{Value, json};
use testkit::{Response, TestApp, TestAppBuilder, TestUser};

/// An application with all routes that these tests use.
fn builder() -> TestAppBuilder {
    let routes = crate::routes().merge(webhook::routes()).merge(user::routes()).merge(chatroom::routes());
    TestApp::serving(routes)
}

async fn start() -> TestApp {
    builder().start().await
}

async fn post(app: &TestApp, user: &TestUser, path: &str, body: Value) -> Response {
    let request = app.request("POST", &format!("/api/subscription/{path}")).by(user);
    if body.is_null() { request.send().await } else { request.json(body).send().await }
}

/// The body of a request for a checkout page.
fn page() -> Value {
    json!({ "success_url": "https://app.example.com/paid", "cancel_url": "https://app.example.com/plans" })
}

async fn status(app: &TestApp, user: &TestUser) -> Value {
    let response = app.request("GET", "/api/subscription/status").by(user).send().await.expect(200);
    response.body["subscription"].clone()
}
