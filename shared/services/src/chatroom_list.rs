//! The cache of each user's first page of chatrooms, by order. Every failure of Redis is logged and
//! tolerated: without the cache, the list comes from Postgres.

use app::AppState;
use app::telemetry::chain;
use clients::redis::chatroom_list::CachedChatroomList;
use domain::{ChatroomSort, UserId};
use tracing::warn;

/// The cached page of `owner`. `None` when Redis is unreachable.
pub async fn find(app: &AppState, owner: UserId, sort: ChatroomSort) -> Option<CachedChatroomList> {
    let lookup = app.redis.find_chatroom_list(owner, sort).await;
    lookup.inspect_err(|error| warn!(error = chain(error), "chatroom list read without its cache")).ok()
}

/// Caches `page`, unless the list was invalidated after `version` was read.
pub async fn cache(app: &AppState, owner: UserId, sort: ChatroomSort, page: &str, version: &str) {
    let cached = app.redis.cache_chatroom_list(owner, sort, page, version, app.config.cache_ttl).await;
    if let Err(error) = cached {
        warn!(error = chain(&error), "failed to cache the chatroom list");
    }
}

/// Invalidates the cached pages of `owner` after a write that changed the list.
pub async fn invalidate(app: &AppState, owner: UserId) {
    if let Err(error) = app.redis.invalidate_chatroom_list(owner).await {
        let error = chain(&error);
        warn!(error, user.id = %owner, "failed to invalidate a chatroom list; it may be stale until it expires");
    }
}
