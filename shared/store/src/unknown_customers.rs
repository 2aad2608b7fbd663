//! `unknown_customers`: customers at Stripe that no account has, although a subscription of theirs
//! names a user.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use domain::UserId;

use crate::StoreError;

/// Inserts `customer`, which names `user`, unless it is there. Returns false, and inserts nothing,
/// if the account of `user` does not exist or its deletion has started.
pub async fn insert(
    db: &impl GenericClient,
    user: UserId,
    customer: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    const SQL: &str = "
        INSERT INTO unknown_customers (user_id, customer_id, created_at)
        SELECT id, $2, $3 FROM users WHERE id = $1 AND deleted_at IS NULL
        ON CONFLICT (user_id, customer_id) DO UPDATE SET created_at = unknown_customers.created_at";
    let statement = db.prepare_cached(SQL).await?;
    Ok(db.execute(&statement, &[&user.0, &customer, &now]).await? == 1)
}

/// Lists the customers that name `user`, the oldest first.
pub async fn list(db: &impl GenericClient, user: UserId) -> Result<Vec<String>, StoreError> {
    const SQL: &str = "
        SELECT customer_id FROM unknown_customers WHERE user_id = $1 ORDER BY created_at, customer_id";
    let statement = db.prepare_cached(SQL).await?;
    let rows = db.query(&statement, &[&user.0]).await?;
    rows.iter().map(|row| Ok(row.try_get("customer_id")?)).collect()
}

/// Deletes `customer` from those that name `user`.
pub async fn delete(db: &impl GenericClient, user: UserId, customer: &str) -> Result<(), StoreError> {
    const SQL: &str = "DELETE FROM unknown_customers WHERE user_id = $1 AND customer_id = $2";
    let statement = db.prepare_cached(SQL).await?;
    db.execute(&statement, &[&user.0, &customer]).await?;
    Ok(())
}
