//! The control API, see the table in `lib.rs`.

use std::time::Duration;

use axum::Json;
use axum::extract::{FromRequestParts, Path};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::account::{Account, Card, by_id};
use super::api::authenticate;
use super::error::StripeError;
use super::faults::Fault;
use super::forgery::Forgery;
use super::webhooks::{self, payload};
use super::{MockStripe, sign};

type JsonResult = Result<Json<Value>, StripeError>;

/// The account whose key the request carries.
pub struct Caller {
    mock: MockStripe,
    key: String,
}

impl FromRequestParts<MockStripe> for Caller {
    type Rejection = StripeError;

    async fn from_request_parts(head: &mut Parts, mock: &MockStripe) -> Result<Self, StripeError> {
        Ok(Self { mock: mock.clone(), key: authenticate(&head.headers)? })
    }
}

impl Caller {
    fn run(&self, act: impl FnOnce(&mut Account) -> Result<Value, StripeError>) -> JsonResult {
        self.mock.with_account(&self.key, act).map(Json)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payment {
    card: String,
}

pub async fn pay(caller: Caller, Path(session): Path<String>, Json(payment): Json<Payment>) -> JsonResult {
    let card = Card::from_number(&payment.card);
    let card = card.ok_or_else(|| StripeError::invalid("card", "is not a card of the mock"))?;
    caller.run(|account| account.pay(&session, card))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewSubscription {
    customer: String,
}

pub async fn create_subscription(caller: Caller, Json(new): Json<NewSubscription>) -> JsonResult {
    caller.run(|account| Ok(account.create_subscription(&new.customer)))
}

pub async fn set_subscription(
    caller: Caller,
    Path(id): Path<String>,
    Json(fields): Json<Value>,
) -> JsonResult {
    caller.run(|account| account.set_subscription(&id, &fields))
}

pub async fn renew(caller: Caller, Path(id): Path<String>) -> JsonResult {
    caller.run(|account| account.renew(&id))
}

pub async fn give_up(caller: Caller, Path(id): Path<String>) -> JsonResult {
    caller.run(|account| account.cancel(&id))
}

pub async fn delete_customer(caller: Caller, Path(id): Path<String>) -> JsonResult {
    caller.run(|account| account.delete_customer(&id))
}

pub async fn list_events(caller: Caller) -> JsonResult {
    let secret = caller.mock.webhook_secret(&caller.key);
    caller.run(|account| {
        let signed = |event: &Value| {
            let payload = payload(event);
            let signature = sign(&payload, &secret);
            json!({ "id": event["id"], "type": event["type"], "payload": payload, "signature": signature })
        };
        Ok(account.events.iter().map(signed).collect())
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveryMode {
    hold: bool,
}

pub async fn set_delivery(caller: Caller, Json(mode): Json<DeliveryMode>) -> JsonResult {
    caller.run(|account| {
        account.hold = mode.hold;
        Ok(json!({ "hold": mode.hold }))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewDelivery {
    event: String,
    #[serde(default = "once")]
    times: u32,
    #[serde(default)]
    delay_ms: u64,
    forge: Option<Forgery>,
}

fn once() -> u32 {
    1
}

pub async fn deliver(caller: Caller, Json(new): Json<Vec<NewDelivery>>) -> JsonResult {
    let Caller { mock, key } = caller;
    let endpoint = mock.state().endpoints.get(&key).cloned();
    let endpoint = endpoint.ok_or_else(|| StripeError::invalid("", "this account has no endpoint"))?;
    let mut deliveries = Vec::new();
    for NewDelivery { event, times, delay_ms, forge } in new {
        let found = mock.with_account(&key, |account| by_id(&account.events, &event).map(payload));
        let text = found.ok_or_else(|| StripeError::missing(404, "event", "event", &event))?;
        sleep(Duration::from_millis(delay_ms)).await;
        for _ in 0..times {
            let (signature, body) = match forge {
                Some(forgery) => forgery.of(&text, &endpoint.secret),
                None => (Some(sign(&text, &endpoint.secret)), text.clone()),
            };
            let begun = Instant::now();
            let status = webhooks::deliver_once(&mock.http, &endpoint.url, signature.as_deref(), body).await;
            let ms = begun.elapsed().as_secs_f64() * 1_000.0;
            deliveries.push(json!({ "event": event, "status": status, "ms": ms }));
        }
    }
    Ok(Json(deliveries.into()))
}

pub async fn set_faults(caller: Caller, Json(faults): Json<Vec<Fault>>) -> StatusCode {
    caller.mock.with_account(&caller.key, |account| account.faults = faults.into());
    StatusCode::NO_CONTENT
}

pub async fn calls(caller: Caller) -> JsonResult {
    caller.run(|account| Ok(json!(account.calls)))
}
