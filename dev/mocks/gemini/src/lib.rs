//! A mock server for Google Gemini in the vendor's wire format, which can be scripted to fail.
//!
//! **Gemini's API**: `POST /v1beta/models/{model}:generateContent`, `:streamGenerateContent` (with
//! or without `?alt=sse`) and `:countTokens`, and `GET /v1beta/models/{model}`, with the header
//! `x-goog-api-key`. Every key is valid unless it begins with `invalid`. Google also accepts the
//! key in the query; the mock does not, because this project must never send it there. Requests
//! are validated as Google validates them (`schema.rs`, `request.rs`), and a response depends on
//! its request alone (`answer.rs`).
//!
//! **Control API**, for tests and demonstrations, without a key:
//!
//! | call | effect |
//! |---|---|
//! | `POST /_control/script` | scripts the next calls, see `script.rs` and `step.rs`; returns `{"scripts": n}` |
//! | `DELETE /_control/script` | deletes all scripts |
//! | `GET /_control/calls` | `{"count": n, "over_quota": n, "calls": [...]}`, oldest first, see `calls.rs` |
//! | `DELETE /_control/calls` | clears the call log and its count |
//! | `POST /_control/latency {"ms": n}` | delays every response by this time |
//! | `POST /_control/quota {"requests_per_minute": n, "tokens_per_minute": n}` | limits each model in any 60 seconds; calls over the limit get a 429 with `RetryInfo`. `{}` removes the limit |
//!
//! An invalid control call gets a 400 `{"error": "...", "field": "steps[0].kind"}`.

#![expect(
    missing_docs,
    clippy::must_use_candidate,
    reason = "an internal tool: comments add only what the names do not say"
)]

mod answer;
mod api;
mod calls;
mod connection;
mod control;
mod control_body;
mod error;
mod generation;
mod models;
mod proto;
mod quota;
mod request;
mod schema;
mod script;
mod step;
#[cfg(test)]
mod tests;
mod tokens;

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use chrono::{DateTime, Utc};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use self::answer::WORDS_PER_CHUNK;
use self::calls::CallLog;
use self::quota::Quota;
use self::script::Script;

/// Google's limit on the size of a request: 20 MB.
const MAX_REQUEST: usize = 20 * 1024 * 1024;

/// The mock server. Clones share its state.
#[derive(Clone, Default)]
pub struct MockGemini(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// The unfinished scripts, oldest first.
    scripts: Vec<Script>,
    calls: CallLog,
    latency: Duration,
    quota: Quota,
}

pub async fn serve(port: u16) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    let listener = listener.with_context(|| format!("listening on port {port} for the mock Gemini"))?;
    MockGemini::default().serve(listener).await
}

impl MockGemini {
    /// Starts a mock Gemini on a free port. Returns it, its base URL and the server's task.
    pub async fn start() -> Result<(Self, String, JoinHandle<Result<()>>)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let mock = Self::default();
        let server = tokio::spawn(mock.clone().serve(listener));
        Ok((mock, base_url, server))
    }

    pub async fn serve(self, listener: TcpListener) -> Result<()> {
        Ok(axum::serve(listener, self.router()).await?)
    }

    /// The number of calls whose last user text is exactly `text`, since the log was cleared.
    pub fn calls(&self, text: &str) -> usize {
        self.state().calls.times_of(text).len()
    }

    pub fn first_call_at(&self, text: &str) -> Option<DateTime<Utc>> {
        self.state().calls.times_of(text).first().copied()
    }

    /// When each piece of the response to the latest logged call with exactly this text was sent.
    pub fn sent_at(&self, text: &str) -> Vec<Instant> {
        self.state().calls.sent_at(text)
    }

    /// The number of logged calls with this text whose caller disconnected before the response was
    /// complete.
    pub fn disconnects(&self, text: &str) -> usize {
        self.state().calls.disconnects_of(text)
    }

    pub fn count(&self) -> u64 {
        self.state().calls.count
    }

    pub fn calls_over_quota(&self) -> u64 {
        self.state().quota.rejected
    }

    fn router(self) -> Router {
        Router::new()
            .route("/v1beta/models/{call}", post(api::call).get(api::get_model))
            .route("/_control/script", post(control::add_script).delete(control::clear_scripts))
            .route("/_control/calls", get(control::list_calls).delete(control::clear_calls))
            .route("/_control/latency", post(control::set_latency))
            .route("/_control/quota", post(control::set_quota))
            .fallback(api::not_found)
            .method_not_allowed_fallback(api::not_found)
            .layer(DefaultBodyLimit::max(MAX_REQUEST))
            .with_state(self)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
