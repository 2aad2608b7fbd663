//! The list's cache, as handlers use it: when Redis is gone, the list comes from Postgres and nothing fails.

use app::App;
use app::telemetry::chain;
use clients::redis::chatroom_list::Lookup;
use domain::UserId;
use tracing::warn;

/// What the cache holds of `page`; `None` when it cannot be asked.
pub(crate) async fn find(app: &App, owner: UserId, page: &str) -> Option<Lookup> {
    let lookup = app.redis.find_chatroom_list(owner, page).await;
    lookup.inspect_err(|error| warn!(error = chain(error), "the list is read without its cache")).ok()
}

/// Keeps `body` as `page`, unless the list was changed since `mark` was read.
pub(crate) async fn keep(app: &App, owner: UserId, page: &str, body: &str, mark: &str) {
    let kept = app.redis.keep_chatroom_list(owner, page, body, mark, app.config.cache_ttl).await;
    if let Err(error) = kept {
        warn!(error = chain(&error), "the list is not cached");
    }
}

/// Drops `owner`'s list after a write that changed it.
pub(crate) async fn drop(app: &App, owner: UserId) {
    if let Err(error) = app.redis.drop_chatroom_list(owner).await {
        warn!(error = chain(&error), user.id = %owner, "a cached list may be out of date until it expires");
    }
}
