//! Checkout, webhooks and subscriptions at the mock Stripe of a [`TestApp`].

use http_body_util::BodyExt;
use lambda_http::http::Request;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::{Response, TestApp, TestUser};

/// A card that pays.
pub const GOOD_CARD: &str = "4242 4242 4242 4242";
/// A card that pays the first time only.
pub const GOOD_ONCE_CARD: &str = "4000 0000 0000 0341";

/// A card that needs the user's confirmation for each payment (3-D Secure).
pub const CONFIRMED_CARD: &str = "4000 0027 6000 3184";

/// An event as Stripe sends it.
#[derive(Debug, Clone)]
pub struct StripeEvent {
    /// The id.
    pub id: String,
    /// The type.
    pub kind: String,
    /// The exact body.
    pub payload: String,
    /// The header `Stripe-Signature`, signed now.
    pub signature: String,
}

impl TestApp {
    /// Calls the mock Stripe: Stripe's API below `/v1`, the control API below `/_control`.
    pub async fn stripe(&self, method: &str, path: &str, body: Value) -> Value {
        let key = self.app.config.billing.secret_key.expose_secret();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let request = request.header("authorization", format!("Bearer {key}")).body(body).expect("a request");
        let response = self.mock_stripe.clone().router().oneshot(request).await;
        let (head, body) = response.expect("the router is infallible").into_parts();
        let body = body.collect().await.expect("the body is readable").to_bytes();
        assert!(head.status.is_success(), "{method} {path}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap_or_default()
    }

    /// Sets one fault for each of the next calls, see `dev/mocks/stripe/src/faults.rs`.
    pub async fn stripe_faults(&self, faults: Value) {
        self.stripe("POST", "/_control/faults", faults).await;
    }

    /// Pays on a checkout page.
    pub async fn pay_checkout(&self, session: &str, card: &str) {
        self.stripe("POST", &format!("/_control/checkout/{session}"), json!({ "card": card })).await;
    }

    /// All events of the account, oldest first.
    pub async fn stripe_events(&self) -> Vec<StripeEvent> {
        let events = self.stripe("GET", "/_control/events", Value::Null).await;
        let text = |event: &Value, name: &str| event[name].as_str().expect("text").to_owned();
        let read = |event: &Value| StripeEvent {
            id: text(event, "id"),
            kind: text(event, "type"),
            payload: text(event, "payload"),
            signature: text(event, "signature"),
        };
        events.as_array().expect("events").iter().map(read).collect()
    }

    /// Delivers an event to the webhook route.
    pub async fn deliver_event(&self, event: &StripeEvent) -> Response {
        self.deliver_payload(&event.payload, Some(&event.signature)).await
    }

    /// Delivers `payload`, optionally with a signature.
    pub async fn deliver_payload(&self, payload: &str, signature: Option<&str>) -> Response {
        let request = self.request("POST", "/api/webhook/stripe").body(payload);
        let request = request.header("content-type", "application/json; charset=utf-8");
        match signature {
            Some(signature) => request.header("stripe-signature", signature).send().await,
            None => request.send().await,
        }
    }

    /// Delivers all events of the account.
    pub async fn deliver_all_events(&self) {
        for event in self.stripe_events().await {
            let _ = self.deliver_event(&event).await.expect(200);
        }
    }

    /// Creates a customer at Stripe with a subscription, as an operator does in the dashboard.
    /// Returns the ids of customer and subscription.
    pub async fn create_customer_with_subscription(
        &self,
        of_customer: Value,
        of_subscription: Value,
    ) -> (String, String) {
        let text = |object: &Value| object["id"].as_str().expect("an id").to_owned();
        let customer = self.stripe("POST", "/_control/customers", json!({ "metadata": of_customer })).await;
        let new = json!({ "customer": customer["id"], "metadata": of_subscription });
        let subscription = self.stripe("POST", "/_control/subscriptions", new).await;
        (text(&customer), text(&subscription))
    }

    /// Delivers the latest event of the type `kind`, which must succeed.
    pub async fn deliver_latest(&self, kind: &str) {
        let events = self.stripe_events().await;
        let event = events.iter().rev().find(|event| event.kind == kind).expect("an event of the type");
        let _ = self.deliver_event(event).await.expect(200);
    }

    /// Creates a checkout session through the API and returns its id.
    pub async fn open_checkout(&self, user: &TestUser) -> String {
        let body = json!({ "success_url": "https://app.example.com/paid", "cancel_url": "https://app.example.com/plans" });
        let request = self.request("POST", "/api/subscription/pro").by(user).json(body);
        request.send().await.expect(200).text("/session_id")
    }

    /// Subscribes `user` to Pro with `card` and delivers all webhooks. Returns the subscription's
    /// id.
    pub async fn subscribe(&self, user: &TestUser, card: &str) -> String {
        let session = self.open_checkout(user).await;
        self.pay_checkout(&session, card).await;
        self.deliver_all_events().await;
        self.query_value(&format!("SELECT subscription_id FROM subscriptions WHERE user_id = '{}'", user.id))
            .await
    }

    /// The stored plan of `user`.
    pub async fn tier(&self, user: &TestUser) -> String {
        self.query_value(&format!("SELECT subscription_tier FROM users WHERE id = '{}'", user.id)).await
    }
}
