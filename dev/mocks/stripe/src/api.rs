//! The vendor's interface, below `/v1`.

use std::io;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde_json::Value;
use tokio::time::sleep;

use super::account::{Account, Replay};
use super::error::VendorError;
use super::faults::Fault;
use super::objects::VERSION;
use super::{StandIn, params};

/// The most that is read of a request, in bytes.
const MAX_REQUEST: usize = 1024 * 1024;

/// A request of a client.
struct Call {
    method: Method,
    path: String,
    /// The query, or what came as a form.
    params: String,
    idempotency_key: Option<String>,
}

impl Call {
    /// What has to be the same in another request under the same key.
    fn fingerprint(&self) -> String {
        format!("{} {} {}", self.method, self.path, self.params)
    }

    /// The path without ids.
    fn kind(&self) -> String {
        let part = |part: &str| {
            if part.contains('_') && part != "billing_portal" { "{id}" } else { part }.to_owned()
        };
        let parts: Vec<_> = self.path.split('/').map(part).collect();
        format!("{} {}", self.method, parts.join("/"))
    }
}

/// Any call.
pub(super) async fn call(State(stand_in): State<StandIn>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let key = match authenticate(&head.headers) {
        Ok(key) => key,
        Err(error) => return error.into_response(),
    };
    let Ok(body) = axum::body::to_bytes(body, MAX_REQUEST).await else {
        return VendorError::invalid("", "The request is too large.").into_response();
    };
    let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    if text("stripe-version").is_some_and(|version| version != VERSION) {
        return VendorError::invalid("", format!("The stand-in speaks {VERSION} only.")).into_response();
    }
    let form = String::from_utf8_lossy(&body).into_owned();
    let call = Call {
        path: head.uri.path().to_owned(),
        params: if form.is_empty() { head.uri.query().unwrap_or_default().to_owned() } else { form },
        idempotency_key: text("idempotency-key").filter(|_| head.method != Method::GET),
        method: head.method,
    };
    let (answer, fault) = stand_in.with_account(&key, |account| {
        *account.calls.entry(call.kind()).or_default() += 1;
        match account.faults.take() {
            Fault::Status { status } => (Err(fail(account, &call, status)), Fault::None),
            fault => (act_once(account, &call), fault),
        }
    });
    sleep(fault.delay()).await;
    match (fault, answer) {
        (Fault::Lost, _) => lost(),
        (Fault::Garbage, _) => "<html>This is not what you are looking for.</html>".into_response(),
        (_, Ok(object)) => Json(object).into_response(),
        (_, Err(error)) => error.into_response(),
    }
}

/// The key of the account.
pub(super) fn authenticate(headers: &HeaderMap) -> Result<String, VendorError> {
    let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let key = value.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    let is_key = ["sk_test_", "rk_test_"].iter().any(|prefix| key.starts_with(prefix));
    if is_key { Ok(key.to_owned()) } else { Err(VendorError::unauthorized()) }
}

/// An answer that breaks off before anything of it can be read.
fn lost() -> Response {
    let cut = stream::once(async {
        sleep(Duration::from_millis(5)).await;
        Err::<&[u8], _>(io::Error::other("cut as asked for"))
    });
    (StatusCode::OK, Body::from_stream(cut)).into_response()
}

/// Fails. A fault of the server's is kept under its key and answered again, as Stripe does; a refusal before anything was begun
/// is not.
fn fail(account: &mut Account, call: &Call, status: u16) -> VendorError {
    let error = VendorError::of_status(status);
    if let Some(key) = call.idempotency_key.as_ref().filter(|_| status >= 500) {
        let replay = Replay { request: call.fingerprint(), answer: Err(error.clone()) };
        account.replays.entry(key.clone()).or_insert(replay);
    }
    error
}

/// What was answered under the same key before is answered again.
fn act_once(account: &mut Account, call: &Call) -> Result<Value, VendorError> {
    let Some(key) = &call.idempotency_key else { return act(account, call) };
    if let Some(before) = account.replays.get(key) {
        if before.request != call.fingerprint() {
            return Err(VendorError::other_parameters());
        }
        return before.answer.clone();
    }
    let answer = act(account, call);
    account.replays.insert(key.clone(), Replay { request: call.fingerprint(), answer: answer.clone() });
    answer
}

fn act(account: &mut Account, call: &Call) -> Result<Value, VendorError> {
    let path = call.path.strip_prefix("/v1/").unwrap_or_default();
    let parts: Vec<&str> = path.split('/').collect();
    let params = call.params.as_str();
    match (call.method.as_str(), parts.as_slice()) {
        ("POST", ["customers"]) => Ok(account.create_customer(&params::read(params)?)),
        ("POST", ["checkout", "sessions"]) => account.create_checkout(&params::read(params)?),
        ("POST", ["checkout", "sessions", id, "expire"]) => account.expire_checkout(id),
        ("POST", ["subscriptions", id]) => account.update_subscription(id, params::read(params)?),
        ("DELETE", ["subscriptions", id]) => account.end(id),
        ("POST", ["billing_portal", "sessions"]) => {
            let new: params::CreatePortal = params::read(params)?;
            account.create_portal(&new.customer, new.return_url.as_deref())
        }
        ("GET", ["checkout", "sessions"]) => account.list("sessions", &params::read(params)?),
        ("GET", [kind @ ("subscriptions" | "invoices" | "events")]) => {
            account.list(kind, &params::read(params)?)
        }
        ("GET", ["checkout", "sessions", id]) => account.find("sessions", id).cloned(),
        (
            "GET",
            [kind @ ("customers" | "products" | "prices" | "subscriptions" | "invoices" | "events"), id],
        ) => account.find(kind, id).cloned(),
        (method, _) => Err(VendorError::no_route(method, &call.path)),
    }
}
