//! The requests of a user that wait for an answer, at `long_polls:{user id}`.
//!
//! Each occupies an execution environment while it waits, so one user may have three at a time, over
//! all instances. A place whose request was killed is free again when its wait would have ended.

use std::time::Duration;

use domain::UserId;
use uuid::Uuid;

use super::scripts::ENTER_LONG_POLL;
use super::{Redis, RedisUnavailable};

/// The number of requests of one user that may wait at once.
pub const MAX_LONG_POLLS: usize = 3;

/// A place that a waiting request occupies.
#[derive(Debug)]
pub struct LongPoll {
    user: UserId,
    id: String,
}

impl Redis {
    /// Takes a place for a request of `user` that waits at most `wait`. `None` if all are taken.
    pub async fn enter_long_poll(
        &self,
        user: UserId,
        wait: Duration,
    ) -> Result<Option<LongPoll>, RedisUnavailable> {
        let place = LongPoll { user, id: Uuid::new_v4().simple().to_string() };
        let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("EVAL").arg(ENTER_LONG_POLL.as_str()).arg(1).arg(key(user));
        pipeline.arg(&place.id).arg(wait).arg(MAX_LONG_POLLS);
        let (has_entered,): (bool,) = self.run(&pipeline).await?;
        Ok(has_entered.then_some(place))
    }

    /// The number of requests of `user` that wait.
    pub async fn count_long_polls(&self, user: UserId) -> Result<usize, RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("ZCARD").arg(key(user));
        let (count,) = self.run(&pipeline).await?;
        Ok(count)
    }

    /// Frees a place.
    pub async fn leave_long_poll(&self, place: &LongPoll) -> Result<(), RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("ZREM").arg(key(place.user)).arg(&place.id);
        self.run(pipeline.ignore()).await
    }
}

fn key(user: UserId) -> String {
    format!("long_polls:{user}")
}
