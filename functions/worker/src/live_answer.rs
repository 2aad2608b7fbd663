//! The view of an answer while the model writes it: its text goes to Redis as it arrives, and a
//! request to stop comes back.
//!
//! Nothing waits for Redis here: the text is flushed while the next piece is awaited, and without
//! Redis the answer is stored all the same. The request to stop is then read from Postgres.

use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use app::AppState;
use app::telemetry::chain;
use clients::redis::live_text::{Ending, LiveTextWriter, Signal};
use futures::future::{Either, select};
use store::generations::cancelling;
use store::generations::claiming::ClaimedGeneration;
use store::generations::processing::Lease;
use store::{StoreError, with_timeout};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::{info, warn};

use crate::deferred::Deferred;
use crate::outcome::STATEMENT_TIMEOUT;

/// The minimum interval between two flushes of text during [`EAGER_TIME`], and after it.
const EAGER_INTERVAL: Duration = Duration::from_millis(50);
const INTERVAL: Duration = Duration::from_millis(200);
/// How long after the first text flushes are more frequent: a reader notices most how an answer
/// begins.
const EAGER_TIME: Duration = Duration::from_secs(2);
/// The bytes of text that are flushed without waiting for the interval.
const FLUSH_BYTES: usize = 1024;
/// The interval at which a request to stop is looked for while there is no text.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// The interval at which it is looked for in Postgres while Redis is unavailable, and at which Redis
/// is tried again.
const FALLBACK_INTERVAL: Duration = Duration::from_secs(1);

/// The live view of one attempt.
pub(crate) struct LiveAnswer<'a> {
    app: &'a AppState,
    lease: Lease,
    /// `None` once the attempt has ended.
    writer: tokio::sync::Mutex<Option<LiveTextWriter>>,
    text: Mutex<Text>,
    has_arrived: Notify,
    is_stopped: watch::Sender<bool>,
}

#[derive(Default)]
struct Text {
    /// What was not flushed yet.
    pending: String,
    /// When the first text of the attempt arrived.
    since: Option<Instant>,
}

impl<'a> LiveAnswer<'a> {
    /// The view of the attempt at `work` under `lease`. Sends nothing yet.
    pub(crate) fn new(app: &'a AppState, lease: Lease, work: &ClaimedGeneration) -> Self {
        let writer = LiveTextWriter::new(app.redis.clone(), work.generation_id, work.fence);
        Self {
            app,
            lease,
            writer: tokio::sync::Mutex::new(Some(writer)),
            text: Mutex::default(),
            has_arrived: Notify::new(),
            is_stopped: watch::Sender::new(false),
        }
    }

    /// Adds the next piece of the text.
    pub(crate) fn push(&self, text: &str) {
        let mut state = self.text();
        state.pending.push_str(text);
        state.since.get_or_insert_with(Instant::now);
        self.has_arrived.notify_one();
    }

    /// Whether text of this attempt may have reached a reader. Text of another call must not follow
    /// it under the same fence.
    pub(crate) fn has_text(&self) -> bool {
        self.text().since.is_some()
    }

    /// When the first text of this attempt arrived, if any has.
    pub(crate) fn first_text_at(&self) -> Option<Instant> {
        self.text().since
    }

    /// Stops the attempt.
    pub(crate) fn stop(&self) {
        if !self.is_stopped.send_replace(true) {
            info!(generation.id = %self.lease.generation_id, "the user asked to stop");
        }
    }

    /// Becomes true when the attempt must stop.
    pub(crate) fn is_stopped(&self) -> watch::Receiver<bool> {
        self.is_stopped.subscribe()
    }

    /// Runs `call`, and meanwhile flushes the text and looks for a request to stop.
    pub(crate) async fn flush_while<T>(&self, call: impl Future<Output = T>) -> T {
        match select(pin!(call), pin!(self.flush_until_stopped())).await {
            // A flush that is under way is dropped; the last one sends its entries again.
            Either::Left((result, _)) => result,
            Either::Right(((), call)) => call.await,
        }
    }

    /// Sends what is left of the text, and how the attempt ended. No message waits for it.
    pub(crate) async fn finish(&self, ending: Ending, deferred: &Deferred) {
        if let Some(mut writer) = self.writer.lock().await.take() {
            writer.push(&self.take_text());
            deferred.finish_live_text(writer, ending);
        }
    }

    async fn flush_until_stopped(&self) {
        let mut writer = self.writer.lock().await;
        let Some(writer) = writer.as_mut() else { return };
        let mut flushed_at = Instant::now();
        loop {
            self.wait_until_due(flushed_at).await;
            flushed_at = Instant::now();
            writer.push(&self.take_text());
            match writer.flush().await {
                Ok(Signal::Continue) => {}
                Ok(Signal::CancelRequested) => return self.stop(),
                // The renewal of the lease reports it.
                Ok(Signal::Overtaken) => return,
                Err(error) => {
                    warn!(error = chain(&error), "the text of an answer is not shown as it is written");
                    if self.is_cancel_requested().await {
                        return self.stop();
                    }
                    sleep_until(flushed_at + FALLBACK_INTERVAL).await;
                }
            }
        }
    }

    /// Waits until there is text to flush, for the first text not at all, or until it is time to look
    /// for a request to stop.
    async fn wait_until_due(&self, flushed_at: Instant) {
        loop {
            let due = {
                let text = self.text();
                match (text.since, text.pending.len()) {
                    (_, 0) => flushed_at + POLL_INTERVAL,
                    (_, FLUSH_BYTES..) | (None, _) => return,
                    (Some(since), _) if since >= flushed_at => return,
                    (Some(since), _) if since.elapsed() < EAGER_TIME => flushed_at + EAGER_INTERVAL,
                    _ => flushed_at + INTERVAL,
                }
            };
            if timeout_at(due, self.has_arrived.notified()).await.is_err() {
                return;
            }
        }
    }

    async fn is_cancel_requested(&self) -> bool {
        let requested = with_timeout(STATEMENT_TIMEOUT, async {
            cancelling::is_requested(&self.app.db().await?, self.lease).await
        });
        let warn = |error: &StoreError| warn!(error = chain(error), "a request to stop cannot be read");
        requested.await.inspect_err(warn).unwrap_or_default()
    }

    fn take_text(&self) -> String {
        std::mem::take(&mut self.text().pending)
    }

    fn text(&self) -> MutexGuard<'_, Text> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
