//! A stand-in for Google Gemini that speaks the vendor's wire format and can be told to fail.
//!
//! For clients of Gemini: `POST /v1beta/models/{model}:generateContent`, `:streamGenerateContent` (with `?alt=sse` or
//! without) and `:countTokens`, with the header `x-goog-api-key`. Any key is good, except that one beginning with
//! `invalid` is refused as Google refuses a wrong key. The key in the query, which Google also takes, is not taken:
//! nothing of ours may send it there. Requests are checked as Google checks them (`schema.rs`, `request.rs`); what is
//! answered derives from the request alone (`answer.rs`).
//!
//! For tests and demonstrations, without a key:
//!
//! | call | effect |
//! |---|---|
//! | `POST /_control/script` | what the next calls get, see `script.rs`; answers `{"scripts": n}` |
//! | `DELETE /_control/script` | forgets all scripts |
//! | `GET /_control/calls` | `{"count": n, "calls": [...]}`, oldest first, the last 1,000 in full, see `calls.rs` |
//! | `DELETE /_control/calls` | forgets the calls and counts from 0 again |
//! | `POST /_control/latency {"ms": n}` | every call waits so long before its answer begins |
//! | `POST /_control/quota {"requests_per_minute": n, "tokens_per_minute": n}` | calls over that, of one model in any 60 seconds, get a 429 with `RetryInfo`; `{}` lifts it. `over` in the calls counts them |
//!
//! A control call that makes no sense gets a 400 `{"error": "...", "field": "steps[0].kind"}`.

mod answer;
mod calls;
mod control;
mod error;
mod fields;
mod messages;
mod quota;
mod request;
mod schema;
mod script;
mod serve;
#[cfg(test)]
mod tests;

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use chrono::{DateTime, Utc};
use tokio::net::TcpListener;

use self::calls::CallLog;
use self::quota::Quota;
use self::script::Scripts;

/// The models that the stand-in has: the stable ones of November 2026.
pub const MODELS: [&str; 4] =
    ["gemini-3.8-flash", "gemini-3.6-flash", "gemini-3.5-flash", "gemini-3.5-flash-lite"];

/// Google takes requests of up to 20 MB.
const MAX_REQUEST: usize = 20 * 1024 * 1024;

/// What the stand-in remembers. Clones share it.
#[derive(Clone, Default)]
pub struct StandIn(Arc<Mutex<Memory>>);

#[derive(Default)]
struct Memory {
    scripts: Scripts,
    calls: CallLog,
    latency: Duration,
    quota: Quota,
}

/// Serves a stand-in on `port` until the process ends.
///
/// # Errors
/// When the port is taken.
pub async fn serve(port: u16) -> anyhow::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .with_context(|| format!("listening on port {port} for the stand-in for Gemini"))?;
    StandIn::default().serve(listener).await
}

impl StandIn {
    /// Serves on the listener until the future is dropped.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(self, listener: TcpListener) -> anyhow::Result<()> {
        axum::serve(listener, self.router()).await?;
        Ok(())
    }

    /// How often an answer to the very text `asked` was wanted since the start, or since the calls were cleared.
    #[must_use]
    pub fn calls(&self, asked: &str) -> usize {
        self.memory().calls.wanted(asked).len()
    }

    /// When an answer to the very text `asked` was first wanted, if it was.
    #[must_use]
    pub fn first_asked(&self, asked: &str) -> Option<DateTime<Utc>> {
        self.memory().calls.wanted(asked).first().copied()
    }

    /// How many calls there were since the start, or since they were cleared.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.memory().calls.count()
    }

    /// How many calls were over the quota.
    #[must_use]
    pub fn over(&self) -> u64 {
        self.memory().quota.over()
    }

    /// The routes, for those who bring their own server.
    pub fn router(self) -> Router {
        Router::new()
            .route("/v1beta/models/{call}", post(serve::call).get(serve::model))
            .route("/_control/script", post(control::add_script).delete(control::clear_scripts))
            .route("/_control/calls", get(control::list_calls).delete(control::clear_calls))
            .route("/_control/latency", post(control::set_latency))
            .route("/_control/quota", post(control::set_quota))
            .fallback(serve::not_found)
            .method_not_allowed_fallback(serve::not_found)
            .layer(DefaultBodyLimit::max(MAX_REQUEST))
            .with_state(self)
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
