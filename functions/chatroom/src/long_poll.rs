//! Waits for the final status of a message: on the stream in Redis that its worker writes, or without
//! Redis by asking Postgres again and again.

use std::time::Duration;

use app::AppState;
use app::telemetry::chain;
use clients::redis::RedisUnavailable;
use clients::redis::live_text::{EntryId, EntryKind, LiveTextReader};
use domain::{MessageId, UserId};
use store::messages::{self, MessageStatus};
use tokio::time::{Instant, sleep};
use tracing::warn;
use web::ApiError;

/// The interval between two queries without Redis: it doubles from the minimum to the maximum.
const MIN_INTERVAL: Duration = Duration::from_millis(100);
const MAX_INTERVAL: Duration = Duration::from_secs(1);
/// The maximum time between two queries with Redis. What ends a generation without a worker, such as
/// the cancellation of a message that waits, writes nothing to its stream.
const RECHECK_INTERVAL: Duration = Duration::from_secs(5);
/// The pause after a read that returned text only. A worker flushes several times a second.
const READ_PAUSE: Duration = Duration::from_millis(300);

/// Returns the status once it is final, or after `wait`, or at once while three other requests of the
/// owner wait. Without Redis they are not counted.
pub(crate) async fn wait_for_final_status(
    app: &AppState,
    owner: UserId,
    id: MessageId,
    wait: Duration,
) -> Result<MessageStatus, ApiError> {
    let status = find(app, owner, id).await?;
    if wait.is_zero() || status.message.processing_status.is_terminal() {
        return Ok(status);
    }
    let deadline = Instant::now() + wait;
    match app.redis.enter_long_poll(owner, wait).await {
        Ok(None) => Ok(status),
        Ok(Some(place)) => {
            let status = follow(app, owner, status, deadline).await;
            if let Err(error) = app.redis.leave_long_poll(&place).await {
                warn!(error = chain(&error), "the place of a long poll stays taken until it expires");
            }
            status
        }
        Err(_) => poll(app, owner, id, wait).await,
    }
}

/// Waits on the stream of the generation, and asks Postgres when it may have ended.
async fn follow(
    app: &AppState,
    owner: UserId,
    mut status: MessageStatus,
    deadline: Instant,
) -> Result<MessageStatus, ApiError> {
    let id = status.message.id;
    let mut reader = AttemptEnds::new(app);
    loop {
        let until = deadline.min(Instant::now() + RECHECK_INTERVAL);
        if let Err(error) = reader.wait(&status, until).await {
            warn!(error = chain(&error), "a long poll asks Postgres, because Redis does not respond");
            return poll(app, owner, id, deadline.saturating_duration_since(Instant::now())).await;
        }
        status = find(app, owner, id).await?;
        if status.message.processing_status.is_terminal() || Instant::now() >= deadline {
            return Ok(status);
        }
    }
}

/// Reads the ends of attempts from the streams of generations.
struct AttemptEnds {
    reader: LiveTextReader,
    last: Option<EntryId>,
}

impl AttemptEnds {
    fn new(app: &AppState) -> Self {
        Self { reader: app.redis.live_text_reader(), last: None }
    }

    /// Waits until an attempt at the generation of `status` ends, at most until `until`.
    async fn wait(&mut self, status: &MessageStatus, until: Instant) -> Result<(), RedisUnavailable> {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left < Duration::from_millis(1) {
                return Ok(());
            }
            let read = self.reader.read_after(status.generation_id, self.last, left).await?;
            let Some(last) = read.entries.last() else { return Ok(()) };
            self.last = Some(last.id);
            if read.entries.iter().any(|entry| matches!(entry.kind, EntryKind::End(_))) {
                return Ok(());
            }
            sleep(READ_PAUSE.min(until.saturating_duration_since(Instant::now()))).await;
        }
    }
}

/// Asks for the status until it is final or `wait` is over. Between two queries the connection is
/// back in the pool.
pub(crate) async fn poll(
    app: &AppState,
    owner: UserId,
    id: MessageId,
    wait: Duration,
) -> Result<MessageStatus, ApiError> {
    let deadline = Instant::now() + wait;
    let mut interval = MIN_INTERVAL;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        sleep(interval.min(left)).await;
        let status = find(app, owner, id).await?;
        if status.message.processing_status.is_terminal() || Instant::now() >= deadline {
            return Ok(status);
        }
        interval = (interval * 2).min(MAX_INTERVAL);
    }
}

async fn find(app: &AppState, owner: UserId, id: MessageId) -> Result<MessageStatus, ApiError> {
    let found = messages::find_status(&app.db().await?, owner, id).await?;
    found.ok_or_else(|| ApiError::not_found("message"))
}
