//! Whether anybody has asked for anything since there was last nothing left to do: so that what looks after the database every
//! minute can let it sleep.
//!
//! `activity` counts requests, at the guard, before anything is written. `activity:seen` is its value at a sweep that found nothing
//! to do; `activity:quiet`, for a while, at a second one a minute later that found nothing either: whatever a request of before wrote
//! is in the database by then. Whatever is lost of these, the next sweep looks again.

use std::time::Duration;

use super::{Redis, RedisUnavailable};

const COUNT: &str = "activity";
const SEEN: &str = "activity:seen";
const QUIET: &str = "activity:quiet";

/// How long a count that was seen is remembered: longer than it is from one sweep to the next.
const MEMORY: Duration = Duration::from_mins(10);

/// How many requests there have been, and what that says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    count: String,
    /// For how long it has been known that a sweep found nothing to do at just this number.
    pub seen_for: Option<Duration>,
    /// Whether a second one did, not long ago.
    pub is_idle: bool,
}

impl Redis {
    /// What there is to know.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn find_activity(&self) -> Result<Activity, RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("MGET").arg(COUNT).arg(SEEN).arg(QUIET).cmd("PTTL").arg(SEEN);
        let (kept, left): ([Option<String>; 3], i64) = self.run(&pipeline).await?;
        let [count, seen, quiet] = kept;
        let count = count.unwrap_or_else(|| "0".to_owned());
        let left = Duration::from_millis(left.try_into().unwrap_or_default());
        let seen_for = seen.filter(|seen| *seen == count).map(|_| MEMORY.saturating_sub(left));
        Ok(Activity { is_idle: quiet.as_ref() == Some(&count), seen_for, count })
    }

    /// Counts somebody who has asked for something past the guard, or whom it could not count.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn note_activity(&self) -> Result<(), RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        add_activity(&mut pipeline);
        self.run(&pipeline).await
    }

    /// Remembers that a sweep found nothing to do.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn keep_seen(&self, activity: &Activity) -> Result<(), RedisUnavailable> {
        self.keep(SEEN, activity, MEMORY).await
    }

    /// Remembers for as long as `rest` that there is nothing to do until somebody asks for something.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn keep_idle(&self, activity: &Activity, rest: Duration) -> Result<(), RedisUnavailable> {
        self.keep(QUIET, activity, rest).await
    }

    async fn keep(&self, key: &str, activity: &Activity, time: Duration) -> Result<(), RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("SET").arg(key).arg(&activity.count).arg("EX").arg(time.as_secs().max(1));
        self.run(pipeline.ignore()).await
    }
}

/// Adds that somebody asks for something.
pub(super) fn add_activity(pipeline: &mut ::redis::Pipeline) {
    pipeline.cmd("INCR").arg(COUNT).ignore();
}
