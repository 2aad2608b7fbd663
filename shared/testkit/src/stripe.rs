//! The test's own account at the stand-in for Stripe, which `cargo dev test` runs at `TEST_STRIPE_URL`.

use reqwest::Client;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::{Answer, Person, TestApp};

/// A card that pays.
pub const GOOD_CARD: &str = "4242 4242 4242 4242";
/// A card that pays at the checkout page, and never after.
pub const GOOD_ONCE_CARD: &str = "4000 0000 0000 0341";

/// An event as Stripe would send it.
#[derive(Debug, Clone)]
pub struct StripeEvent {
    /// Its id.
    pub id: String,
    /// Its type.
    pub kind: String,
    /// The body, byte for byte.
    pub payload: String,
    /// The header `Stripe-Signature`, made a moment ago.
    pub signature: String,
}

impl TestApp {
    /// Asks the stand-in something: below `/v1` as a client, below `/_control` as whoever makes things happen.
    pub async fn stripe(&self, method: &str, path: &str, body: Value) -> Value {
        let billing = &self.app.config.billing;
        let client = Client::builder()
            .tls_backend_preconfigured(clients::tls::client_config())
            .no_proxy()
            .build()
            .expect("a client can be made");
        let request = client
            .request(method.parse().expect("a method"), format!("{}{path}", billing.base_url))
            .bearer_auth(billing.secret_key.expose_secret());
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = request.send().await.expect("the stand-in answers");
        assert!(answer.status().is_success(), "{method} {path}: {}", answer.text().await.unwrap_or_default());
        answer.json().await.unwrap_or_default()
    }

    /// What went wrong at Stripe for each of the next calls, see the stand-in's faults.
    pub async fn stripe_faults(&self, faults: Value) {
        self.stripe("POST", "/_control/faults", faults).await;
    }

    /// Has a person pay on a checkout page.
    pub async fn pay(&self, session: &str, card: &str) {
        self.stripe("POST", &format!("/_control/checkout/{session}"), json!({ "card": card })).await;
    }

    /// Everything that Stripe has to tell, oldest first.
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

    /// Delivers an event by the API.
    pub async fn deliver(&self, event: &StripeEvent) -> Answer {
        self.deliver_as(&event.payload, Some(&event.signature)).await
    }

    /// Delivers `payload` with a signature, or without.
    pub async fn deliver_as(&self, payload: &str, signature: Option<&str>) -> Answer {
        let request = self.request("POST", "/api/webhook/stripe").body(payload);
        let request = request.header("content-type", "application/json; charset=utf-8");
        match signature {
            Some(signature) => request.header("stripe-signature", signature).send().await,
            None => request.send().await,
        }
    }

    /// Delivers everything that Stripe has to tell.
    pub async fn deliver_all(&self) {
        for event in self.stripe_events().await {
            let _ = self.deliver(&event).await.expect(200);
        }
    }

    /// Opens a checkout page for `person` by the API and answers its id.
    pub async fn checkout(&self, person: &Person) -> String {
        let body = json!({ "success_url": "https://app.example.com/paid", "cancel_url": "https://app.example.com/plans" });
        let request = self.request("POST", "/api/subscription/pro").by(person).json(body);
        request.send().await.expect(200).text("/session_id")
    }

    /// Has `person` pay for Pro with `card`, all webhooks delivered, and answers the subscription's id.
    pub async fn subscribe(&self, person: &Person, card: &str) -> String {
        let session = self.checkout(person).await;
        self.pay(&session, card).await;
        self.deliver_all().await;
        self.stored(&format!("SELECT subscription_id FROM subscriptions WHERE user_id = '{}'", person.id))
            .await
    }

    /// The plan that `person` is on.
    pub async fn tier(&self, person: &Person) -> String {
        self.stored(&format!("SELECT subscription_tier FROM users WHERE id = '{}'", person.id)).await
    }
}
