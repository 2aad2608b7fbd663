//! The first page of a user's chatroom list in each order, cached at `chatrooms:{user id}`.
//!
//! A page read from Postgres before a write must not enter the cache after it. So an invalidation
//! leaves a new version for longer than a read can take, and a page is cached only while the
//! version is the one that its reader saw before it read.

use std::time::Duration;

use domain::{ChatroomSort, UserId};
use uuid::Uuid;

use super::scripts::{CACHE_CHATROOM_LIST, INVALIDATE_CHATROOM_LIST};
use super::{Redis, RedisUnavailable};

/// How long a version is kept: longer than any read of the list takes.
const VERSION_TTL: Duration = Duration::from_mins(1);

/// The field of the page. Its name changes with the page's members, so that two releases that run
/// side by side do not read each other's pages.
fn field(sort: ChatroomSort) -> &'static str {
    match sort {
        ChatroomSort::Created => "page_2",
        ChatroomSort::Activity => "activity_1",
    }
}

/// A cache entry for a user's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedChatroomList {
    /// The page, when one is cached.
    pub page: Option<String>,
    /// The version to pass to [`Redis::cache_chatroom_list`].
    pub version: String,
}

impl Redis {
    /// Looks up the cached list of `owner`.
    pub async fn find_chatroom_list(
        &self,
        owner: UserId,
        sort: ChatroomSort,
    ) -> Result<CachedChatroomList, RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("HMGET").arg(key(owner)).arg(field(sort)).arg("dropped");
        let ((page, version),): ((Option<String>, Option<String>),) = self.run(&pipeline).await?;
        Ok(CachedChatroomList { page, version: version.unwrap_or_default() })
    }

    /// Caches a page for at most `ttl`, unless the list was invalidated since `version` was read.
    pub async fn cache_chatroom_list(
        &self,
        owner: UserId,
        sort: ChatroomSort,
        page: &str,
        version: &str,
        ttl: Duration,
    ) -> Result<(), RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("EVAL").arg(CACHE_CHATROOM_LIST.as_str()).arg(1).arg(key(owner));
        pipeline.arg(version).arg(page).arg(ttl.as_secs()).arg(field(sort));
        self.run(pipeline.ignore()).await
    }

    /// Invalidates `owner`'s cached list in all orders. Every write that changes the list calls this
    /// afterwards. If Redis is unavailable, a cached page lives until it expires.
    pub async fn invalidate_chatroom_list(&self, owner: UserId) -> Result<(), RedisUnavailable> {
        let version = Uuid::new_v4().simple().to_string();
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("EVAL").arg(INVALIDATE_CHATROOM_LIST.as_str()).arg(1).arg(key(owner));
        pipeline.arg(version).arg(VERSION_TTL.as_secs());
        self.run(pipeline.ignore()).await
    }
}

fn key(owner: UserId) -> String {
    format!("chatrooms:{owner}")
}
