//! Tells the sweeper whether any work remains, over `generations`, `chatrooms`, `users`,
//! `spending_reservations` and `subscriptions`.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;

use crate::StoreError;

/// The work that remains in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingWork {
    /// Whether any generation, title, account deletion or reservation of spending is unfinished.
    pub is_unfinished: bool,
    /// When the next comparison of a subscription with Stripe is due.
    pub next_review_at: Option<DateTime<Utc>>,
}

/// Finds the work that remains, over all users.
pub async fn find(db: &impl GenericClient) -> Result<PendingWork, StoreError> {
    const SQL: &str = "
        SELECT EXISTS (SELECT FROM generations WHERE sweep_at > '-infinity')
                OR EXISTS (SELECT FROM chatrooms WHERE title_due_at IS NOT NULL)
                OR EXISTS (SELECT FROM users WHERE deleted_at IS NOT NULL)
                OR EXISTS (SELECT FROM spending_reservations WHERE NOT is_charged) AS is_unfinished,
            (SELECT min(review_at) FROM subscriptions) AS next_review_at";
    let statement = db.prepare_cached(SQL).await?;
    let row = db.query_one(&statement, &[]).await?;
    Ok(PendingWork {
        is_unfinished: row.try_get("is_unfinished")?,
        next_review_at: row.try_get("next_review_at")?,
    })
}
