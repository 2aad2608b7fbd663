//! [`Operation`]: the work of an idempotent request, which is done once however often it is sent.
//!
//! The first success is stored as a receipt: ids and numbers, but no text. A replay builds the same
//! response from the receipt and from the request's body, which must be the same.

use std::convert::Infallible;

use app::AppState;
use app::telemetry::chain;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use clients::table::idempotency::Lease;
use domain::id::uuid_at;
use serde::Serialize;
use serde::de::DeserializeOwned;
use services::Execution;
use tracing::warn;
use uuid::Uuid;

use crate::ApiError;

/// Set on a response that is a replay.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The work of a request, identified by its `Idempotency-Key` if it has one.
#[derive(Debug, Clone)]
pub struct Operation(State);

#[derive(Debug, Clone)]
enum State {
    /// The request has no key: it is executed whenever it is sent.
    WithoutKey,
    /// This request executes the operation.
    Execute { lease: Lease, operation_id: Uuid, is_retry: bool },
    /// The operation was executed, with this receipt.
    Replay(String),
}

impl Operation {
    /// An operation that the holder of `lease` executes.
    pub(crate) fn execute(lease: Lease, operation_id: Uuid, is_retry: bool) -> Self {
        Self(State::Execute { lease, operation_id, is_retry })
    }

    /// An operation that was executed, with this `receipt`.
    pub(crate) fn replay(receipt: String) -> Self {
        Self(State::Replay(receipt))
    }

    /// Whether the operation was executed before, so that only its receipt is known.
    #[must_use]
    pub fn is_replay(&self) -> bool {
        matches!(self.0, State::Replay(_))
    }

    /// Calls `execute` and stores the receipt that it returns. If the operation was executed
    /// before, returns the stored receipt instead.
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
            State::WithoutKey => execute(Execution { id: uuid_at(app.clock.now()), is_retry: false }).await,
            State::Replay(receipt) => serde_json::from_str(receipt).map_err(ApiError::internal),
            State::Execute { lease, operation_id, is_retry } => {
                let receipt = execute(Execution { id: *operation_id, is_retry: *is_retry }).await?;
                let text = serde_json::to_string(&receipt).map_err(ApiError::internal)?;
                store_receipt(app, lease, &text).await;
                Ok(receipt)
            }
        }
    }

    /// Releases the key if `response` is a failure, and marks a successful replay as one.
    pub(crate) async fn finish(&self, app: &AppState, mut response: Response) -> Response {
        let status = response.status();
        match &self.0 {
            State::Execute { lease, is_retry, .. } if !status.is_success() => {
                release_key(app, lease, status, *is_retry).await;
            }
            State::Replay(_) if status.is_success() => {
                response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
            }
            State::WithoutKey | State::Execute { .. } | State::Replay(_) => {}
        }
        response
    }
}

/// Releases the key of a failed request. A first execution that was refused did nothing, so its
/// record is deleted. After any other failure an execution may have done part of the work, so the
/// record is kept: the next execution creates the same row.
async fn release_key(app: &AppState, lease: &Lease, status: StatusCode, is_retry: bool) {
    let Ok(store) = app.idempotency_store() else { return };
    let did_nothing = status.is_client_error() && !is_retry;
    let released = if did_nothing { store.delete(lease).await } else { store.release(lease).await };
    if let Err(error) = released {
        warn!(error = chain(&error), "the idempotency key stays in use until its lease expires");
    }
}

/// Stores the receipt. A failure is only logged, because the work is done: the next execution finds
/// the row.
async fn store_receipt(app: &AppState, lease: &Lease, receipt: &str) {
    let stored = match app.idempotency_store() {
        Ok(store) => store.complete(lease, receipt).await.map_err(|error| chain(&error)),
        Err(error) => Err(chain(&error)),
    };
    match stored {
        Ok(true) => {}
        Ok(false) => warn!("the receipt was not stored: another execution holds the lease"),
        Err(error) => warn!(error, "the receipt was not stored"),
    }
}

impl<S: Sync> FromRequestParts<S> for Operation {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or(Self(State::WithoutKey)))
    }
}
