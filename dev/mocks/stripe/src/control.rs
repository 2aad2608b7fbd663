//! The control API, see the table in `lib.rs`.

use std::collections::HashMap;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::account::{Account, by_id};
use super::api::authenticate;
use super::error::StripeError;
use super::faults::Fault;
use super::forgery::Forgery;
use super::versions;
use super::webhooks::{self, payload};
use super::{MockStripe, sign};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewDelivery {
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

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, StripeError> {
    serde_json::from_slice(body).map_err(|error| StripeError::invalid("", error.to_string()))
}

fn only<T: DeserializeOwned>(name: &str, body: &[u8]) -> Result<T, StripeError> {
    let mut fields: HashMap<String, T> = read(body)?;
    let value = fields.remove(name).filter(|_| fields.is_empty());
    value.ok_or_else(|| StripeError::invalid(name, "must be the only field"))
}

pub async fn call(
    State(mock): State<MockStripe>,
    Path(path): Path<String>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, StripeError> {
    let key = authenticate(&headers)?;
    let secret = mock.webhook_secret(&key);
    let parts: Vec<&str> = path.split('/').collect();
    if (&method, path.as_str()) == (&Method::POST, "deliveries") {
        return Ok(Json(deliver(&mock, &key, read(&body)?).await?).into_response());
    }
    let answer = mock.with_account(&key, |account| match (method.as_str(), parts.as_slice()) {
        ("POST", ["checkout", session]) => account.pay(session, &read(&body)?),
        ("POST", ["invoices", id]) => account.set_invoice(id, &read(&body)?),
        ("POST", ["invoices", id, "confirm"]) => account.finish_payment(id, only("succeeds", &body)?),
        ("POST", ["charges", id, "refund"]) => account.refund(id, only("amount", &body)?),
        ("POST", ["charges", id, "dispute"]) => account.dispute(id, &only::<String>("status", &body)?),
        ("POST", ["prices"]) => account.set_price(read(&body)?),
        ("POST", ["subscriptions"]) => account.create_subscription(&read(&body)?),
        ("POST", ["subscriptions", id]) => account.set_subscription(id, &read(&body)?),
        ("POST", ["subscriptions", id, "renew"]) => account.renew(id),
        ("POST", ["subscriptions", id, "give_up"]) => account.cancel(id),
        ("POST", ["customers"]) => Ok(account.create_customer(&read(&body)?)),
        ("DELETE", ["customers", id]) => account.delete_customer(id),
        ("GET", ["events"]) => Ok(events(account, &secret)),
        ("GET", ["calls"]) => Ok(json!(account.calls)),
        ("POST", ["delivery"]) => {
            account.hold = only("hold", &body)?;
            Ok(json!({ "hold": account.hold }))
        }
        ("POST", ["portal"]) => {
            account.portal_unconfigured = !only::<bool>("configured", &body)?;
            Ok(Value::Null)
        }
        ("POST", ["endpoint"]) => {
            let version = only::<String>("api_version", &body)?;
            if !versions::is_known(&version) {
                return Err(StripeError::unknown_version(&version));
            }
            account.endpoint_version = Some(version);
            Ok(Value::Null)
        }
        ("POST", ["faults"]) => {
            account.faults = read::<Vec<Fault>>(&body)?.into();
            Ok(Value::Null)
        }
        (method, _) => Err(StripeError::no_route(method, &path)),
    })?;
    Ok(if answer.is_null() { StatusCode::NO_CONTENT.into_response() } else { Json(answer).into_response() })
}

fn events(account: &Account, secret: &str) -> Value {
    let signed = |event: &Value| {
        let payload = payload(&account.rendered(event));
        let signature = sign(&payload, secret);
        json!({ "id": event["id"], "type": event["type"], "payload": payload, "signature": signature })
    };
    account.events.iter().map(signed).collect()
}

async fn deliver(mock: &MockStripe, key: &str, new: Vec<NewDelivery>) -> Result<Value, StripeError> {
    let endpoint = mock.state().endpoints.get(key).cloned();
    let endpoint = endpoint.ok_or_else(|| StripeError::invalid("", "this account has no endpoint"))?;
    let mut deliveries = Vec::new();
    for NewDelivery { event, times, delay_ms, forge } in new {
        let rendered =
            |account: &mut Account| by_id(&account.events, &event).map(|one| account.rendered(one));
        let found = mock.with_account(key, rendered).as_ref().map(payload);
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
    Ok(deliveries.into())
}
