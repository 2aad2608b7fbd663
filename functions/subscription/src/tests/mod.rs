//! Tests of this function in this process, with real Postgres and Redis and a mock Stripe.

mod account_deletion;
mod checkout;
mod lifecycle;
mod plans;

use serde_json::{Value, json};
use testkit::{Answer, Person, TestApp, TestAppBuilder};

/// An application with all routes that these tests use.
fn builder() -> TestAppBuilder {
    let routes = crate::routes().merge(webhook::routes()).merge(user::routes()).merge(chatroom::routes());
    TestApp::serving(routes)
}

async fn start() -> TestApp {
    builder().start().await
}

async fn post(app: &TestApp, person: &Person, path: &str, body: Value) -> Answer {
    let request = app.request("POST", &format!("/api/subscription/{path}")).by(person);
    if body.is_null() { request.send().await } else { request.json(body).send().await }
}

/// The body of a request for a checkout page.
fn page() -> Value {
    json!({ "success_url": "https://app.example.com/paid", "cancel_url": "https://app.example.com/plans" })
}

async fn status(app: &TestApp, person: &Person) -> Value {
    let answer = app.request("GET", "/api/subscription/status").by(person).send().await.expect(200);
    answer.body["subscription"].clone()
}
