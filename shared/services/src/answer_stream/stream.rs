//! [`AnswerStream`]: reads Redis and Postgres for one reader.

use std::sync::Arc;
use std::time::Duration;

use app::AppState;
use app::metrics::MetricEvent;
use app::telemetry::chain;
use clients::redis::RedisUnavailable;
use clients::redis::answer_streams::{Notice, NoticePosition, StreamPlace};
use clients::redis::live_text::{Entry, LiveTextReader};
use domain::message::ProcessingStatus;
use domain::{MessageId, UserId};
use store::messages::{self, MessageStatus};
use store::{StoreError, with_timeout};
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use super::event::{AnswerEvent, AnswerStatus, EventId, StreamFailure};
use super::follower::{Follower, TextEvent};

/// The interval at which Postgres is asked while Redis, or Postgres itself, does not respond.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The longest wait between two attempts to reach Redis.
const MAX_REDIS_PAUSE: Duration = Duration::from_secs(16);
/// The longest read of Redis. A connection that has died without a word is noticed after it.
const MAX_BLOCK: Duration = Duration::from_secs(5);
/// The timeout of a statement.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long Postgres may be unavailable before the stream ends.
const MAX_OUTAGE: Duration = Duration::from_secs(10);

/// The events of the answer to one message, for one reader.
pub struct AnswerStream {
    app: Arc<AppState>,
    owner: UserId,
    /// The latest known state.
    status: MessageStatus,
    follower: Follower,
    reader: LiveTextReader,
    place: StreamPlace,
    /// `None` while Redis has not responded.
    notices: Option<NoticePosition>,
    events: Vec<AnswerEvent>,
    shown: Option<AnswerStatus>,
    /// When Redis may be asked.
    redis_at: Instant,
    redis_failures: u32,
    /// When Postgres must be asked.
    check_at: Option<Instant>,
    /// Since when Postgres does not respond.
    down_since: Option<Instant>,
    /// Whether the place was asked for.
    has_started: bool,
    is_over: bool,
}

impl AnswerStream {
    pub(super) fn new(
        app: &Arc<AppState>,
        owner: UserId,
        reader_name: Option<&str>,
        status: MessageStatus,
        follower: Follower,
    ) -> Self {
        Self {
            app: app.clone(),
            owner,
            status,
            follower,
            reader: app.redis.live_text_reader(),
            place: StreamPlace::new(owner, app.clock.now().timestamp_millis(), reader_name),
            notices: None,
            events: Vec::new(),
            shown: None,
            redis_at: Instant::now(),
            redis_failures: 0,
            check_at: None,
            down_since: None,
            has_started: false,
            is_over: false,
        }
    }

    /// The id of the question.
    #[must_use]
    pub fn question_id(&self) -> MessageId {
        self.status.message.id
    }

    /// The latest known state.
    #[must_use]
    pub fn status(&self) -> &MessageStatus {
        &self.status
    }

    /// Whether the stream has no more events than those that [`Self::next`] returns at once.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// The next events, as soon as there are any. None if there were none until `until`, or if the
    /// stream is over.
    pub async fn next(&mut self, until: Instant) -> Vec<AnswerEvent> {
        // After the first event, which need not wait for it.
        if self.events.is_empty() && !self.is_over && !self.has_started {
            self.has_started = true;
            self.take_place().await;
        }
        while self.events.is_empty() && !self.is_over && Instant::now() < until {
            let redis_at = self.redis_at;
            match self.check_at {
                Some(at) if at <= Instant::now() => self.check().await,
                // Postgres is asked while Redis does not respond.
                Some(at) if redis_at > Instant::now() => sleep_until(at.min(redis_at).min(until)).await,
                None if redis_at > Instant::now() => self.check_at = Some(Instant::now() + POLL_INTERVAL),
                at => self.read(at.unwrap_or(until).min(until)).await,
            }
        }
        std::mem::take(&mut self.events)
    }

    /// Reads the state again and renews the place of the stream. The events are among the next ones.
    pub async fn refresh(&mut self) {
        if self.is_over {
            return;
        }
        if self.notices.is_none() {
            self.take_place().await;
        } else {
            match self.app.redis.renew_stream_place(&self.place).await {
                Ok(true) => {}
                Ok(false) => return self.replace(),
                Err(error) => warn!(error = chain(&error), "the place of a stream is not renewed"),
            }
        }
        self.check().await;
    }

    /// Frees the place of the stream. Without this it expires.
    pub async fn leave(&mut self) {
        if self.notices.take().is_some()
            && let Err(error) = self.app.redis.leave_stream_place(&self.place).await
        {
            warn!(error = chain(&error), "the place of a stream stays taken until it expires");
        }
    }

    async fn take_place(&mut self) {
        match self.app.redis.take_stream_place(&self.place).await {
            Ok(position) => self.notices = Some(position),
            Err(error) => warn!(error = chain(&error), "a stream is not counted"),
        }
    }

    /// Reads Redis until there is something, at most until `until`.
    async fn read(&mut self, until: Instant) {
        // Redis blocks for whole milliseconds.
        let block =
            until.saturating_duration_since(Instant::now()).clamp(Duration::from_millis(1), MAX_BLOCK);
        match self.read_redis(block).await {
            Ok((entries, notices)) => {
                if self.redis_failures > 0 {
                    info!("Redis responds again");
                    (self.redis_failures, self.check_at) = (0, None);
                }
                if notices.iter().any(|notice| self.place.is_replaced_by(notice)) {
                    return self.replace();
                }
                let changed = Notice::Changed(self.status.generation_id);
                let step = self.follower.read(entries);
                self.show(step.events);
                if step.has_ended || notices.contains(&changed) {
                    self.check().await;
                } else if step.has_started {
                    self.show_processing();
                }
            }
            Err(error) => {
                warn!(error = chain(&error), "the text of an answer cannot be read as it is written");
                let pause = POLL_INTERVAL * 2_u32.saturating_pow(self.redis_failures.min(8));
                self.redis_at = Instant::now() + pause.min(MAX_REDIS_PAUSE);
                self.redis_failures += 1;
            }
        }
    }

    async fn read_redis(&mut self, block: Duration) -> Result<(Vec<Entry>, Vec<Notice>), RedisUnavailable> {
        let (generation, position) = (self.status.generation_id, self.follower.position());
        Ok(match &mut self.notices {
            Some(notices) => {
                let (read, notices) =
                    self.reader.read_with_notices(generation, position, notices, block).await?;
                (read.entries, notices)
            }
            None => (self.reader.read_after(generation, position, block).await?.entries, Vec::new()),
        })
    }

    /// Reads the state from Postgres, and tries again later if that fails.
    async fn check(&mut self) {
        self.check_at = None;
        match find_status(&self.app, self.owner, self.question_id()).await {
            Ok(Some(status)) => {
                self.down_since = None;
                self.update(status);
            }
            Ok(None) => self.fail(StreamFailure::NotFound),
            Err(error) => {
                warn!(error = chain(&error), "the state of an answer cannot be read");
                let since = *self.down_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= MAX_OUTAGE {
                    return self.fail(StreamFailure::Unavailable);
                }
                self.check_at = Some(Instant::now() + POLL_INTERVAL);
            }
        }
    }

    fn update(&mut self, status: MessageStatus) {
        if status.chatroom_name != self.status.chatroom_name {
            self.events.push(AnswerEvent::Title(status.chatroom_name.clone()));
        }
        if status.generation_id != self.status.generation_id {
            self.follower.follow_another_generation();
        }
        self.status = status;
        if self.status.message.processing_status.is_terminal() {
            self.finish();
        } else {
            self.show_status();
        }
    }

    pub(super) fn finish(&mut self) {
        let reply = self.status.reply.as_ref().map(|reply| reply.content.as_str());
        let events = self.follower.finish(reply, self.status.fence);
        self.show(events);
        let (id, status) = (EventId::Done(self.status.fence), Box::new(self.status.clone()));
        self.end(AnswerEvent::Done { id, status });
    }

    fn show(&mut self, events: Vec<TextEvent>) {
        self.events.extend(events.into_iter().map(|event| match event {
            TextEvent::Delta { id, text } => AnswerEvent::Delta { id, text },
            TextEvent::Restart { id } => AnswerEvent::Restart { id },
        }));
    }

    pub(super) fn show_status(&mut self) {
        let status = AnswerStatus::from(&self.status);
        if self.shown.replace(status) != Some(status) {
            self.events.push(AnswerEvent::Status(status));
        }
    }

    /// Shows that a worker has claimed the generation, which only Redis has told.
    fn show_processing(&mut self) {
        self.status.message.processing_status = ProcessingStatus::Processing;
        (self.status.waiting_for, self.status.retry_at) = (None, None);
        self.show_status();
    }

    fn replace(&mut self) {
        self.notices = None;
        self.app.metrics.emit(&MetricEvent::StreamReplaced);
        self.end(AnswerEvent::Replaced { id: EventId::Replaced(self.status.fence) });
    }

    fn fail(&mut self, failure: StreamFailure) {
        self.end(AnswerEvent::Failed(failure));
    }

    fn end(&mut self, event: AnswerEvent) {
        self.events.push(event);
        self.is_over = true;
    }
}

/// Finds the state of a question, also by the id of one of its answers.
pub(super) async fn find_status(
    app: &AppState,
    owner: UserId,
    message: MessageId,
) -> Result<Option<MessageStatus>, StoreError> {
    with_timeout(STATEMENT_TIMEOUT, async {
        let db = app.db().await?;
        let status = messages::find_status(&db, owner, message).await?;
        match status.as_ref().and_then(|status| status.message.reply_to) {
            Some(question) => messages::find_status(&db, owner, question).await,
            None => Ok(status),
        }
    })
    .await
}
