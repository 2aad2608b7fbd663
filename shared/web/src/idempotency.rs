//! `Idempotency-Key`: a request that its client may send again, in the doubt whether the first one went through.
//!
//! Source: the IETF draft `draft-ietf-httpapi-idempotency-key-header-07`. A key belongs to the person and the path. It is
//! looked up before anything is charged to a limit or a quota. The first success is kept as a receipt of what was done,
//! ids and numbers but no text; with the text of the request, which must be the same, it makes the same answer again.

use std::convert::Infallible;
use std::time::Duration;

use app::AppState;
use app::telemetry::chain;
use axum::RequestExt;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequestParts, MatchedPath, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::response::Response;
use chrono::{DateTime, Utc};
use clients::table::idempotency::{ClaimOutcome, ClaimRequest, Lease};
use domain::fingerprint::fingerprint;
use domain::id::uuid_at;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::warn;
use uuid::Uuid;

use crate::stack::BODY_LIMIT;
use crate::{ApiError, Caller};

/// The request's header.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The answer's, where it is the answer of before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The longest key, in bytes.
const MAX_KEY: usize = 255;

/// What a handler does once, however often its client asks.
#[derive(Debug, Clone)]
pub struct Operation(State);

#[derive(Debug, Clone)]
enum State {
    /// There is no key: each request is one of its own.
    Single,
    Execute {
        lease: Lease,
        operation_id: Uuid,
        again: bool,
    },
    Replay(String),
}

/// One execution of an operation.
#[derive(Debug, Clone, Copy)]
pub struct Execution {
    /// The id for what it creates: the same in each execution of one operation.
    pub id: Uuid,
    /// Whether an execution before broke off, and may have created it already.
    pub again: bool,
}

impl Operation {
    /// Has `execute` do the work and keeps its receipt; or, where it was done before, answers the receipt of then.
    ///
    /// # Errors
    /// As `execute`, and when a kept receipt cannot be read.
    pub async fn once<R, F>(
        &self,
        app: &AppState,
        execute: impl FnOnce(Execution) -> F,
    ) -> Result<R, ApiError>
    where
        R: Serialize + DeserializeOwned,
        F: Future<Output = Result<R, ApiError>>,
    {
        match &self.0 {
            State::Single => execute(Execution { id: uuid_at(app.clock.now()), again: false }).await,
            State::Replay(receipt) => serde_json::from_str(receipt).map_err(ApiError::internal),
            State::Execute { lease, operation_id, again } => {
                let receipt = execute(Execution { id: *operation_id, again: *again }).await?;
                keep(app, lease, &serde_json::to_string(&receipt).map_err(ApiError::internal)?).await;
                Ok(receipt)
            }
        }
    }

    pub(crate) fn is_replay(&self) -> bool {
        matches!(self.0, State::Replay(_))
    }

    /// Brings the operation to the end that `response` is, and says on it where it is the answer of before.
    pub(crate) async fn conclude(&self, app: &AppState, mut response: Response) -> Response {
        let status = response.status();
        match &self.0 {
            State::Execute { lease, again, .. } if !status.is_success() => {
                give_free(app, lease, status, *again).await;
            }
            State::Replay(_) if status.is_success() => {
                response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
            }
            State::Single | State::Execute { .. } | State::Replay(_) => {}
        }
        response
    }
}

/// Gives the key of a request free that has failed: for good if its first execution was refused, and so did nothing; for the
/// next execution, which creates the same, if nobody knows how far one before it got.
async fn give_free(app: &AppState, lease: &Lease, status: StatusCode, again: bool) {
    let Ok(keys) = app.idempotency_store() else { return };
    let given =
        if status.is_client_error() && !again { keys.delete(lease).await } else { keys.release(lease).await };
    if let Err(error) = given {
        warn!(error = chain(&error), "a key stays taken until its lease is over");
    }
}

/// A receipt that cannot be kept is no reason to say that the work was not done: the next execution will find it done.
async fn keep(app: &AppState, lease: &Lease, receipt: &str) {
    let kept = match app.idempotency_store() {
        Ok(keys) => keys.complete(lease, receipt).await.map_err(|error| chain(&error)),
        Err(error) => Err(chain(&error)),
    };
    match kept {
        Ok(true) => {}
        Ok(false) => warn!("another execution has taken over meanwhile"),
        Err(error) => warn!(error, "a receipt is not kept"),
    }
}

impl<S: Sync> FromRequestParts<S> for Operation {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or(Self(State::Single)))
    }
}

/// The key of a request to one of the paths that take one.
///
/// # Errors
/// 400 when it does not do.
pub(crate) fn key_of(request: &Request, idempotent: &[&str]) -> Result<Option<String>, ApiError> {
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    if request.method() != Method::POST || !path.is_some_and(|path| idempotent.contains(&path)) {
        return Ok(None);
    }
    let mut values = request.headers().get_all(KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    // The draft's form is a string in quotes; most clients leave them out.
    let key = value.to_str().unwrap_or_default().trim();
    let key = key.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(key);
    let is_visible = key.bytes().all(|byte| byte.is_ascii_graphic());
    if values.next().is_some() || !(1..=MAX_KEY).contains(&key.len()) || !is_visible {
        let error = format!("Idempotency-Key: must be one key of 1 to {MAX_KEY} visible ASCII characters");
        return Err(ApiError::invalid(vec![error]));
    }
    Ok(Some(key.to_owned()))
}

/// Begins the operation that `caller` knows by `key`. Without a key there is nothing to look up.
///
/// # Errors
/// 409 while it is being executed, 422 when the key was another request's, 413 when the body is too large, 503 when the
/// record cannot be looked up: nothing is done then, for the client relies on the key.
pub(crate) async fn begin(
    app: &AppState,
    caller: Caller,
    key: &str,
    request: &mut Request,
    now: DateTime<Utc>,
) -> Result<Operation, ApiError> {
    let body = read_body(request).await?;
    let scope = format!("{}\n{}\n{key}", caller.user_id, route(request).await);
    // The scope goes into the payload's hash too: short texts could be guessed from a hash of themselves alone.
    let payload = [scope.as_bytes(), b"\n", &body].concat();
    let claim = ClaimRequest {
        key: &fingerprint(scope.as_bytes()),
        payload_hash: &fingerprint(&payload),
        operation_id: uuid_at(now),
        now,
    };
    match app.idempotency_store()?.claim(claim).await.map_err(ApiError::unavailable)? {
        ClaimOutcome::Execute { lease, operation_id, is_retry } => {
            Ok(Operation(State::Execute { lease, operation_id, again: is_retry }))
        }
        ClaimOutcome::Completed(receipt) => Ok(Operation(State::Replay(receipt))),
        ClaimOutcome::InFlight => {
            let detail = "a request with this Idempotency-Key is being executed; come back after Retry-After";
            let error = ApiError::new(StatusCode::CONFLICT, "request_in_flight", detail);
            Err(error.retry_after(Duration::from_secs(1)))
        }
        ClaimOutcome::PayloadMismatch => {
            let detail = "this Idempotency-Key was used with another body";
            Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", detail))
        }
    }
}

/// The path as its route has it, and the ids in it in the one form that they have, however the client spells them.
async fn route(request: &mut Request) -> String {
    let mut route =
        request.extensions().get::<MatchedPath>().map(MatchedPath::as_str).unwrap_or_default().to_owned();
    if let Ok(params) = request.extract_parts::<RawPathParams>().await {
        for (_, value) in &params {
            route.push('\n');
            match Uuid::parse_str(value) {
                Ok(id) => route.push_str(&id.to_string()),
                Err(_) => route.push_str(value),
            }
        }
    }
    route
}

/// No operation that anybody could ask for again.
pub(crate) fn single() -> Operation {
    Operation(State::Single)
}

/// The whole body, which the request keeps.
async fn read_body(request: &mut Request) -> Result<Bytes, ApiError> {
    let body = std::mem::replace(request.body_mut(), Body::empty());
    let bytes = to_bytes(body, BODY_LIMIT).await.map_err(|_| ApiError::body_too_large("64 KiB"))?;
    *request.body_mut() = Body::from(bytes.clone());
    Ok(bytes)
}
