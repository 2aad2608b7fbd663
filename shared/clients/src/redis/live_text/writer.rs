//! Writes the stream of a generation.

use domain::GenerationId;
use domain::message::ProcessingStatus;
use tokio::time::Instant;

use super::entry::{EntryId, EntryKind};
use super::{MAX_ENTRIES, TTL, cancel_key, milliseconds, stream_key};
use crate::redis::{Redis, RedisUnavailable};

/// The beginning of Redis's error for an id that is not larger than the last one.
const NOT_LARGER: &str = "The ID specified in XADD is equal or smaller";

/// What a writer learns with a flush.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// The attempt goes on.
    Continue,
    /// The user asked to stop it.
    CancelRequested,
    /// Another worker has claimed the generation, and this one can write nothing any more.
    Overtaken,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With this final status, which is in Postgres.
    End(ProcessingStatus),
    /// Without a final status.
    Pause,
}

/// Writes the text of one attempt. Nothing is sent before a flush, and what a failed flush could not
/// send is sent with the next one.
#[derive(Debug)]
pub struct LiveTextWriter {
    pub(super) redis: Redis,
    generation: GenerationId,
    fence: u64,
    /// The sequence of the last entry that has got an id.
    sequence: u64,
    /// Text that has no id yet.
    text: String,
    /// Entries that Redis has not confirmed, in order. An entry keeps its id when it is sent again.
    unconfirmed: Vec<(EntryId, EntryKind)>,
    /// When the expiry of the stream was set, since it exists.
    expiry_set_at: Option<Instant>,
    /// Whether the last entry is among those above.
    is_finished: bool,
    is_overtaken: bool,
}

impl LiveTextWriter {
    /// A writer under the claim with `fence`. The first flush writes `start`.
    #[must_use]
    pub fn new(redis: Redis, generation: GenerationId, fence: u64) -> Self {
        let mut writer = Self {
            redis,
            generation,
            fence,
            sequence: 0,
            text: String::new(),
            unconfirmed: Vec::new(),
            expiry_set_at: None,
            is_finished: false,
            is_overtaken: false,
        };
        writer.add(EntryKind::Start);
        writer
    }

    /// Adds `text` to the next flush.
    pub fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Writes the text that was pushed, and reads whether the attempt must stop. Without new text it
    /// costs one command, otherwise two; the first one also writes `start` and sets the expiry.
    pub async fn flush(&mut self) -> Result<Signal, RedisUnavailable> {
        if self.is_overtaken {
            self.text.clear();
            return Ok(Signal::Overtaken);
        }
        if !self.unconfirmed.is_empty() && self.sequence > 1 {
            // An earlier flush failed.
            let signal = self.send().await?;
            if signal != Signal::Continue || self.text.is_empty() {
                return Ok(signal);
            }
        }
        self.add_text();
        self.send().await
    }

    /// Writes the text that was pushed, and how the attempt ended.
    pub async fn finish(mut self, ending: Ending) -> Result<(), RedisUnavailable> {
        if self.is_overtaken {
            return Ok(());
        }
        self.add_text();
        self.add(match ending {
            Ending::End(status) => EntryKind::End(status),
            Ending::Pause => EntryKind::Pause,
        });
        self.is_finished = true;
        self.send().await.map(|_| ())
    }

    fn add_text(&mut self) {
        if !self.text.is_empty() {
            let text = std::mem::take(&mut self.text);
            self.add(EntryKind::Text(text));
        }
    }

    fn add(&mut self, kind: EntryKind) {
        self.sequence += 1;
        self.unconfirmed.push((EntryId { fence: self.fence, sequence: self.sequence }, kind));
    }

    /// Sends the unconfirmed entries. Sending an entry twice is harmless, because Redis refuses an id
    /// that it has.
    async fn send(&mut self) -> Result<Signal, RedisUnavailable> {
        let is_complete = match self.send_once().await {
            Err(RedisUnavailable::Failed(error)) if error.to_string().contains(NOT_LARGER) => {
                return self.confirm_or_give_up().await;
            }
            result => result?,
        };
        if let Some(signal) = is_complete {
            return Ok(signal);
        }
        // The stream is gone: evicted, or lost by Redis. It is created anew; readers notice what is
        // missing before it.
        self.expiry_set_at = None;
        Ok(self.send_once().await?.unwrap_or(Signal::Continue))
    }

    /// Returns `None` if the stream has disappeared.
    async fn send_once(&mut self) -> Result<Option<Signal>, RedisUnavailable> {
        let key = stream_key(self.generation);
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("GET").arg(cancel_key(self.generation));
        for (id, kind) in &self.unconfirmed {
            pipeline.cmd("XADD").arg(&key);
            if self.expiry_set_at.is_some() {
                // Without this, a stream that has disappeared would come back without an expiry.
                pipeline.arg("NOMKSTREAM");
            }
            pipeline.arg("MAXLEN").arg("~").arg(MAX_ENTRIES).arg(id.to_string()).arg(&kind.field());
        }
        let is_expiry_due =
            self.is_finished || self.expiry_set_at.is_none_or(|set_at| set_at.elapsed() >= TTL / 2);
        if is_expiry_due {
            pipeline.cmd("PEXPIRE").arg(&key).arg(milliseconds(TTL)).ignore();
        }
        let replies: Vec<Option<String>> = self.redis.run(&pipeline).await?;
        let (flag, added) = replies.split_first().unzip();
        if added.is_some_and(|added| added.iter().any(Option::is_none)) {
            return Ok(None);
        }
        self.unconfirmed.clear();
        if is_expiry_due {
            self.expiry_set_at = Some(Instant::now());
        }
        let flag = flag.and_then(Option::as_deref);
        let is_cancel_requested = flag.is_some_and(|fence| fence == self.fence.to_string());
        Ok(Some(if is_cancel_requested { Signal::CancelRequested } else { Signal::Continue }))
    }

    /// Finds out why Redis refused an id: it has the entry already, from a flush whose reply was
    /// lost, or the last entry has a larger fence.
    async fn confirm_or_give_up(&mut self) -> Result<Signal, RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        let last = pipeline.cmd("XREVRANGE").arg(stream_key(self.generation));
        last.arg("+").arg("-").arg("COUNT").arg(1);
        let (last,): (Vec<(String, Vec<String>)>,) = self.redis.run(&pipeline).await?;
        let last: Option<EntryId> = last.first().and_then(|(id, _)| id.parse().ok());
        let Some(last) = last.filter(|last| last.fence == self.fence) else {
            self.is_overtaken = true;
            return Ok(Signal::Overtaken);
        };
        self.unconfirmed.retain(|(id, _)| *id > last);
        self.expiry_set_at.get_or_insert_with(Instant::now);
        Ok(self.send_once().await?.unwrap_or(Signal::Continue))
    }
}
