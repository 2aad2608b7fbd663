//! The cached list of rooms, as functions use it: when Redis is gone nothing fails.

use domain::UserId;
use tracing::warn;

use crate::AppState;
use crate::telemetry::chain;

impl AppState {
    /// Drops `owner`'s cached list after a write that changed it.
    pub async fn drop_chatroom_list(&self, owner: UserId) {
        if let Err(error) = self.redis.invalidate_chatroom_list(owner).await {
            warn!(error = chain(&error), user.id = %owner, "a cached list may be out of date until it expires");
        }
    }
}
