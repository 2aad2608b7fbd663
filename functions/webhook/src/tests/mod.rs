//! Tests of this function in this process, with real Postgres and Redis and a mock Stripe.

mod events;
mod lost_webhooks;
mod metrics;
mod requests;
mod reversals;
mod unknown_customers;
mod versions;

use serde_json::{Value, json};
use testkit::TestApp;

async fn start() -> TestApp {
    let routes = crate::routes().merge(subscription::routes()).merge(user::routes());
    TestApp::serving(routes).start().await
}

/// A signed event of the type `kind` with `object`: the payload and the signature header.
fn signed(app: &TestApp, id: &str, kind: &str, object: &Value) -> (String, String) {
    use secrecy::ExposeSecret;
    let payload =
        json!({ "id": id, "object": "event", "type": kind, "data": { "object": object } }).to_string();
    let secret = app.app.config.billing.webhook_secrets[0].expose_secret();
    let signature =
        clients::stripe::webhook_signature::sign(payload.as_bytes(), secret.as_bytes(), app.app.clock.now());
    (payload, signature)
}
