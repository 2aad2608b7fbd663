//! The list's cache, as handlers use it: when Redis is gone, the list comes from Postgres and nothing fails.

use app::AppState;
use app::telemetry::chain;
use clients::redis::chatroom_list::CachedChatroomList;
use domain::UserId;
use tracing::warn;

/// What the cache holds; `None` when it cannot be asked.
pub(crate) async fn find(app: &AppState, owner: UserId) -> Option<CachedChatroomList> {
    let lookup = app.redis.find_chatroom_list(owner).await;
    lookup.inspect_err(|error| warn!(error = chain(error), "the list is read without its cache")).ok()
}

/// Keeps `page`, unless the list was changed since `mark` was read.
pub(crate) async fn keep(app: &AppState, owner: UserId, page: &str, mark: &str) {
    let kept = app.redis.cache_chatroom_list(owner, page, mark, app.config.cache_ttl).await;
    if let Err(error) = kept {
        warn!(error = chain(&error), "the list is not cached");
    }
}
