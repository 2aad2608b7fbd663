//! The first page of a person's list of rooms, cached at `chatrooms:{user id}`.
//!
//! A page read from Postgres before a write must not land in the cache after it. So a drop leaves a mark of its own in
//! its place for as long as a read can take, and a page is kept only where the mark is still the one that its reader saw
//! before it read.

use std::time::Duration;

use domain::UserId;
use uuid::Uuid;

use super::{Redis, RedisUnavailable};

/// Longer than any read of the list takes.
const MARK_LIFETIME: Duration = Duration::from_mins(1);

const DROP: &str = "
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'dropped', ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])";

const KEEP: &str = "
if (redis.call('HGET', KEYS[1], 'dropped') or '') == ARGV[1] then
    redis.call('HSET', KEYS[1], 'page', ARGV[2])
    redis.call('EXPIRE', KEYS[1], ARGV[3])
end";

/// What the cache had to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// The page, as it was kept.
    pub page: Option<String>,
    /// The mark to give to [`Redis::keep_chatroom_list`].
    pub mark: String,
}

impl Redis {
    /// Looks `owner`'s list up.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn find_chatroom_list(&self, owner: UserId) -> Result<Lookup, RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("HMGET").arg(key(owner)).arg("page").arg("dropped");
        let ((page, mark),): ((Option<String>, Option<String>),) = self.run(&pipeline).await?;
        Ok(Lookup { page, mark: mark.unwrap_or_default() })
    }

    /// Keeps a page for `lifetime`, unless the list was dropped since `mark` was read.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn keep_chatroom_list(
        &self,
        owner: UserId,
        page: &str,
        mark: &str,
        lifetime: Duration,
    ) -> Result<(), RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("EVAL").arg(KEEP).arg(1).arg(key(owner)).arg(mark).arg(page).arg(lifetime.as_secs());
        self.run(pipeline.ignore()).await
    }

    /// Drops `owner`'s list. To be called after each write that changes it.
    ///
    /// # Errors
    /// When Redis does not answer; the page then lives on until its time is over.
    pub async fn drop_chatroom_list(&self, owner: UserId) -> Result<(), RedisUnavailable> {
        let mark = Uuid::new_v4().simple().to_string();
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("EVAL").arg(DROP).arg(1).arg(key(owner)).arg(mark).arg(MARK_LIFETIME.as_secs());
        self.run(pipeline.ignore()).await
    }
}

fn key(owner: UserId) -> String {
    format!("chatrooms:{owner}")
}
