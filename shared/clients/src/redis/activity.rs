//! Request activity, by which the sweeper knows that the service is idle and the database may
//! suspend.
//!
//! `activity` counts requests, before they write anything. `activity:seen` is the count at a sweep
//! that found no work. `activity:quiet` is the count at a second empty sweep, a minute later: by
//! then an earlier request has written what it writes. When Redis loses these keys, the next sweep
//! runs as usual.

use std::time::Duration;

use super::{Redis, RedisUnavailable};

const COUNT: &str = "activity";
const SEEN: &str = "activity:seen";
const IDLE: &str = "activity:quiet";

/// How long the count of an empty sweep is kept: longer than the interval between two sweeps.
const SEEN_TTL: Duration = Duration::from_mins(10);

/// The number of requests, compared with the number at earlier empty sweeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    count: String,
    /// The time since an empty sweep at the same count, when there was one.
    pub seen_for: Option<Duration>,
    /// Whether a second empty sweep has marked the service idle at the same count.
    pub is_idle: bool,
}

impl Redis {
    /// Reads the activity.
    pub async fn find_activity(&self) -> Result<Activity, RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("MGET").arg(COUNT).arg(SEEN).arg(IDLE).cmd("PTTL").arg(SEEN);
        let (values, ttl): ([Option<String>; 3], i64) = self.run(&pipeline).await?;
        let [count, seen, idle] = values;
        let count = count.unwrap_or_else(|| "0".to_owned());
        let ttl = Duration::from_millis(ttl.try_into().unwrap_or_default());
        let seen_for = seen.filter(|seen| *seen == count).map(|_| SEEN_TTL.saturating_sub(ttl));
        Ok(Activity { is_idle: idle.as_ref() == Some(&count), seen_for, count })
    }

    /// Counts activity that no rate limit has counted.
    pub async fn record_activity(&self) -> Result<(), RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        push_activity(&mut pipeline);
        self.run(&pipeline).await
    }

    /// Records an empty sweep at this activity.
    pub async fn record_empty_sweep(&self, activity: &Activity) -> Result<(), RedisUnavailable> {
        self.set_count(SEEN, activity, SEEN_TTL).await
    }

    /// Marks the service idle at this activity, for `time`.
    pub async fn mark_idle(&self, activity: &Activity, time: Duration) -> Result<(), RedisUnavailable> {
        self.set_count(IDLE, activity, time).await
    }

    async fn set_count(&self, key: &str, activity: &Activity, ttl: Duration) -> Result<(), RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("SET").arg(key).arg(&activity.count).arg("EX").arg(ttl.as_secs().max(1));
        self.run(pipeline.ignore()).await
    }
}

/// Adds the count of one request to `pipeline`.
pub(super) fn push_activity(pipeline: &mut ::redis::Pipeline) {
    pipeline.cmd("INCR").arg(COUNT).ignore();
}
