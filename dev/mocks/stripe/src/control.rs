//! The control calls, see the module's table. Their key is that of the account.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::account::{Account, Card, by_id};
use super::api::authenticate;
use super::error::VendorError;
use super::faults::Fault;
use super::forge::Forgery;
use super::webhooks::{self, payload, sign};
use super::{StandIn, now};

type Answer = Result<Json<Value>, VendorError>;

fn with(
    stand_in: &StandIn,
    headers: &HeaderMap,
    act: impl FnOnce(&mut Account) -> Result<Value, VendorError>,
) -> Answer {
    stand_in.with_account(&authenticate(headers)?, act).map(Json)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Payment {
    card: String,
}

/// `POST /_control/checkout/{session}`
pub(super) async fn pay(
    State(stand_in): State<StandIn>,
    Path(session): Path<String>,
    headers: HeaderMap,
    Json(payment): Json<Payment>,
) -> Answer {
    let card = Card::numbered(&payment.card);
    let card = card.ok_or_else(|| VendorError::invalid("card", "is not a card that the stand-in knows"))?;
    with(&stand_in, &headers, |account| account.pay(&session, card))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Beginning {
    customer: String,
}

/// `POST /_control/subscriptions`
pub(super) async fn begin(
    State(stand_in): State<StandIn>,
    headers: HeaderMap,
    Json(beginning): Json<Beginning>,
) -> Answer {
    with(&stand_in, &headers, |account| Ok(account.begin(&beginning.customer)))
}

/// `POST /_control/subscriptions/{id}`
pub(super) async fn set(
    State(stand_in): State<StandIn>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(fields): Json<Value>,
) -> Answer {
    with(&stand_in, &headers, |account| account.set(&id, &fields))
}

/// `POST /_control/subscriptions/{id}/renew`
pub(super) async fn renew(
    State(stand_in): State<StandIn>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer {
    with(&stand_in, &headers, |account| account.renew(&id))
}

/// `POST /_control/subscriptions/{id}/give_up`
pub(super) async fn give_up(
    State(stand_in): State<StandIn>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer {
    with(&stand_in, &headers, |account| account.end(&id))
}

/// `DELETE /_control/customers/{id}`
pub(super) async fn delete_customer(
    State(stand_in): State<StandIn>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer {
    with(&stand_in, &headers, |account| account.delete_customer(&id))
}

/// `GET /_control/events`
pub(super) async fn events(State(stand_in): State<StandIn>, headers: HeaderMap) -> Answer {
    let key = authenticate(&headers)?;
    let secret = stand_in.secret_of(&key);
    with(&stand_in, &headers, |account| {
        let signed = |event: &Value| {
            let payload = payload(event);
            let signature = sign(&payload, &secret, now().timestamp());
            json!({ "id": event["id"], "type": event["type"], "payload": payload, "signature": signature })
        };
        Ok(account.events.iter().map(signed).collect())
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Delivery {
    hold: bool,
}

/// `POST /_control/delivery`
pub(super) async fn set_delivery(
    State(stand_in): State<StandIn>,
    headers: HeaderMap,
    Json(delivery): Json<Delivery>,
) -> Answer {
    with(&stand_in, &headers, |account| {
        account.hold = delivery.hold;
        Ok(json!({ "hold": delivery.hold }))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sending {
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

/// `POST /_control/deliveries`
pub(super) async fn deliver(
    State(stand_in): State<StandIn>,
    headers: HeaderMap,
    Json(sendings): Json<Vec<Sending>>,
) -> Answer {
    let key = authenticate(&headers)?;
    let endpoint = stand_in.memory().endpoints.get(&key).cloned();
    let endpoint = endpoint.ok_or_else(|| VendorError::invalid("", "this account has no endpoint"))?;
    let mut deliveries = Vec::new();
    for Sending { event, times, delay_ms, forge } in sendings {
        let found = stand_in.with_account(&key, |account| by_id(&account.events, &event).map(payload));
        let text = found.ok_or_else(|| VendorError::missing(404, "event", "event", &event))?;
        sleep(Duration::from_millis(delay_ms)).await;
        for _ in 0..times {
            let (signature, body) = match forge {
                Some(forgery) => forgery.of(&text, &endpoint.secret),
                None => (Some(sign(&text, &endpoint.secret, now().timestamp())), text.clone()),
            };
            let delivered = webhooks::send(&stand_in.http, &endpoint.url, signature.as_deref(), body).await;
            deliveries.push(json!({
                "event": event, "status": delivered.status, "ms": delivered.took.as_secs_f64() * 1_000.0,
            }));
        }
    }
    Ok(Json(deliveries.into()))
}

/// `POST /_control/faults`
pub(super) async fn set_faults(
    State(stand_in): State<StandIn>,
    headers: HeaderMap,
    Json(faults): Json<Vec<Fault>>,
) -> Result<StatusCode, VendorError> {
    stand_in.with_account(&authenticate(&headers)?, |account| account.faults.set(faults));
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /_control/calls`
pub(super) async fn calls(State(stand_in): State<StandIn>, headers: HeaderMap) -> Answer {
    with(&stand_in, &headers, |account| Ok(json!(account.calls)))
}
