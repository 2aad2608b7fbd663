//! Stripe's API, below `/v1`.

use std::io;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures::stream;
use tokio::time::sleep;

use super::account::{Account, Outcome, StoredResponse};
use super::error::StripeError;
use super::faults::Fault;
use super::versions::{self, VERSION};
use super::{MockStripe, objects, params};

const MAX_REQUEST: usize = 1024 * 1024;

/// The kinds of objects that a call can retrieve by id.
const KINDS: [&str; 8] =
    ["charges", "customers", "disputes", "events", "invoices", "prices", "products", "subscriptions"];

struct Call {
    method: Method,
    path: String,
    /// The form in the body, or the query.
    params: String,
    idempotency_key: Option<String>,
}

impl Call {
    /// Must be equal in all requests with the same idempotency key.
    fn fingerprint(&self) -> String {
        format!("{} {} {}", self.method, self.path, self.params)
    }

    fn route(&self) -> String {
        let part = |part: &str| {
            if part.contains('_') && part != "billing_portal" { "{id}" } else { part }.to_owned()
        };
        let parts: Vec<_> = self.path.split('/').map(part).collect();
        format!("{} {}", self.method, parts.join("/"))
    }
}

pub async fn call(State(mock): State<MockStripe>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let key = match authenticate(&head.headers) {
        Ok(key) => key,
        Err(error) => return error.into_response(),
    };
    let Ok(body) = axum::body::to_bytes(body, MAX_REQUEST).await else {
        return StripeError::invalid("", "The request is too large.").into_response();
    };
    let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let version = text("stripe-version").unwrap_or_else(|| VERSION.to_owned());
    if !versions::is_known(&version) {
        return StripeError::unknown_version(&version).into_response();
    }
    let form = String::from_utf8_lossy(&body).into_owned();
    let call = Call {
        path: head.uri.path().to_owned(),
        params: if form.is_empty() { head.uri.query().unwrap_or_default().to_owned() } else { form },
        idempotency_key: text("idempotency-key").filter(|_| head.method != Method::GET),
        method: head.method,
    };
    let (response, fault) = mock.with_account(&key, |account| {
        *account.calls.entry(call.route()).or_default() += 1;
        match account.faults.pop_front().unwrap_or(Fault::None) {
            Fault::Status { status } => (Err(fail(account, &call, status)), Fault::None),
            fault => (perform_once(account, &call), fault),
        }
    });
    sleep(fault.delay()).await;
    let mut response = match (fault, response) {
        (Fault::Lost, _) => lost_response(),
        (Fault::Garbage, _) => "<html>This is not what you are looking for.</html>".into_response(),
        (_, Ok(object)) => Json(versions::render(object, &version)).into_response(),
        (_, Err(error)) => error.into_response(),
    };
    for (name, value) in [("request-id", objects::id("req")), ("stripe-version", version)] {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

pub fn authenticate(headers: &HeaderMap) -> Result<String, StripeError> {
    let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let key = match value.split_once(' ') {
        Some(("Bearer", key)) => key.to_owned(),
        Some(("Basic", credentials)) => user_name(credentials).unwrap_or_default(),
        _ => String::new(),
    };
    let is_key = ["sk_test_", "rk_test_"].iter().any(|prefix| key.starts_with(prefix));
    if is_key { Ok(key) } else { Err(StripeError::unauthorized()) }
}

/// The user name in credentials of Basic authentication: the key. The password is empty.
fn user_name(credentials: &str) -> Option<String> {
    let decoded = String::from_utf8(BASE64_STANDARD.decode(credentials).ok()?).ok()?;
    decoded.strip_suffix(':').map(str::to_owned)
}

/// A response whose connection is closed before the body.
fn lost_response() -> Response {
    let cut = stream::once(async {
        sleep(Duration::from_millis(5)).await;
        Err::<&[u8], _>(io::Error::other("cut by a fault"))
    });
    (StatusCode::OK, Body::from_stream(cut)).into_response()
}

/// Fails. Like Stripe, the mock stores a 5xx under the idempotency key and replays it; a 4xx it
/// does not.
fn fail(account: &mut Account, call: &Call, status: u16) -> StripeError {
    let error = StripeError::of_status(status);
    if let Some(key) = call.idempotency_key.as_ref().filter(|_| status >= 500) {
        let request_fingerprint = call.fingerprint();
        let stored = StoredResponse { request_fingerprint, response: Err(error.clone()) };
        account.stored_responses.entry(key.clone()).or_insert(stored);
    }
    error
}

/// Performs a call, or replays the stored response of its idempotency key.
fn perform_once(account: &mut Account, call: &Call) -> Outcome {
    let Some(key) = &call.idempotency_key else { return perform(account, call) };
    if let Some(stored) = account.stored_responses.get(key) {
        if stored.request_fingerprint != call.fingerprint() {
            return Err(StripeError::idempotency_mismatch());
        }
        return stored.response.clone();
    }
    let response = perform(account, call);
    let stored = StoredResponse { request_fingerprint: call.fingerprint(), response: response.clone() };
    account.stored_responses.insert(key.clone(), stored);
    response
}

fn perform(account: &mut Account, call: &Call) -> Outcome {
    let path = call.path.strip_prefix("/v1/").unwrap_or_default();
    let parts: Vec<&str> = path.split('/').collect();
    let params = call.params.as_str();
    match (call.method.as_str(), parts.as_slice()) {
        ("POST", ["customers"]) => Ok(account.create_customer(&params::read(params)?)),
        ("POST", ["checkout", "sessions"]) => account.create_checkout(&params::read(params)?),
        ("POST", ["checkout", "sessions", id, "expire"]) => account.expire_checkout(id),
        ("POST", ["subscriptions", id]) => account.update_subscription(id, params::read(params)?),
        ("DELETE", ["subscriptions", id]) => account.cancel(id),
        ("POST", ["billing_portal", "sessions"]) => {
            let new: params::CreatePortal = params::read(params)?;
            account.create_portal_session(&new.customer, new.return_url.as_deref())
        }
        ("GET", ["checkout", "sessions"]) => account.list("sessions", &params::read(params)?),
        ("GET", [kind @ ("subscriptions" | "invoices" | "events" | "charges" | "invoice_payments")]) => {
            account.list(kind, &params::read(params)?)
        }
        ("GET", ["checkout", "sessions", id]) => account.find("sessions", id).cloned(),
        ("GET", [kind, id]) if KINDS.contains(kind) => account.find(kind, id).cloned(),
        (method, _) => Err(StripeError::no_route(method, &call.path)),
    }
}
