//! `subscriptions`: the Stripe customer and subscription of a user, as Stripe returned them last.
//!
//! Callers lock the row with [`find_for_update`] before they request the state from Stripe, so
//! concurrent updates cannot overwrite a newer state with an older one. The row of the user is
//! locked afterwards.

use chrono::{DateTime, Utc};
use deadpool_postgres::{GenericClient, Transaction};
use domain::subscription::{Subscription, SubscriptionDetails};
use domain::{Tier, UserId};
use tokio::try_join;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::StoreError;

/// The billing data of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillingAccount {
    /// The user.
    pub user_id: UserId,
    /// The current plan.
    pub tier: Tier,
    /// Whether the deletion of the account has started.
    pub is_deleted: bool,
    /// The customer id at Stripe, once there is one.
    pub customer_id: Option<String>,
    /// The effective subscription, if the user has ever had one.
    pub subscription: Option<Subscription>,
    /// When the last checkout page was opened, and when it expires.
    pub checkout: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// Whether a customer in `unknown_customers` names the user.
    pub has_unknown_customer: bool,
}

const COLUMNS: &str = "u.id AS user_id, u.subscription_tier, u.deleted_at IS NOT NULL AS is_deleted, s.customer_id,
    s.subscription_id, s.status, s.begun_at, s.period_start, s.period_end, s.cancel_at_period_end, s.ends_at, s.past_due_since,
    s.checkout_opened_at, s.checkout_expires_at, s.invoice_url,
    EXISTS (SELECT FROM unknown_customers k WHERE k.user_id = u.id) AS has_unknown_customer";

impl TryFrom<&Row> for BillingAccount {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        let (opened, expires) = (row.try_get("checkout_opened_at")?, row.try_get("checkout_expires_at")?);
        Ok(Self {
            user_id: UserId(row.try_get("user_id")?),
            tier: row.try_get::<_, &str>("subscription_tier")?.try_into()?,
            is_deleted: row.try_get("is_deleted")?,
            customer_id: row.try_get("customer_id")?,
            subscription: subscription(row)?,
            checkout: Option::zip(opened, expires),
            has_unknown_customer: row.try_get("has_unknown_customer")?,
        })
    }
}

fn subscription(row: &Row) -> Result<Option<Subscription>, StoreError> {
    let Some(id) = row.try_get("subscription_id")? else { return Ok(None) };
    Ok(Some(Subscription {
        id,
        status: row.try_get::<_, &str>("status")?.try_into()?,
        created_at: row.try_get("begun_at")?,
        period_start: row.try_get("period_start")?,
        period_end: row.try_get("period_end")?,
        cancel_at_period_end: row.try_get("cancel_at_period_end")?,
        ends_at: row.try_get("ends_at")?,
        invoice_url: row.try_get("invoice_url")?,
        details: SubscriptionDetails::default(),
        past_due_since: row.try_get("past_due_since")?,
    }))
}

/// Finds the billing data of `user`; most fields are empty before the first checkout. Does not find
/// an account whose deletion has started.
pub async fn find(db: &impl GenericClient, user: UserId) -> Result<Option<BillingAccount>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM users u LEFT JOIN subscriptions s ON s.user_id = u.id
         WHERE u.id = $1 AND u.deleted_at IS NULL"
    );
    let statement = db.prepare_cached(&sql).await?;
    let row = db.query_opt(&statement, &[&user.0]).await?;
    row.as_ref().map(TryInto::try_into).transpose()
}

/// Finds the user with the Stripe customer id `customer`, even if the deletion of the account has
/// started.
pub async fn find_user_by_customer(
    db: &impl GenericClient,
    customer: &str,
) -> Result<Option<UserId>, StoreError> {
    let statement = db.prepare_cached("SELECT user_id FROM subscriptions WHERE customer_id = $1").await?;
    let row = db.query_opt(&statement, &[&customer]).await?;
    row.map(|row| Ok(UserId(row.try_get("user_id")?))).transpose()
}

/// Inserts an empty row for `user` unless there is one. Does nothing for an account whose deletion
/// has started.
pub async fn insert(db: &impl GenericClient, user: UserId, now: DateTime<Utc>) -> Result<(), StoreError> {
    const SQL: &str = "
        INSERT INTO subscriptions (user_id, created_at, updated_at)
        SELECT id, $2, $2 FROM users WHERE id = $1 AND deleted_at IS NULL
        ON CONFLICT (user_id) DO NOTHING";
    let statement = db.prepare_cached(SQL).await?;
    db.execute(&statement, &[&user.0, &now]).await?;
    Ok(())
}

/// Locks the row of `user` until `transaction` ends, and returns the billing data. `None` if there
/// is no row.
///
/// # Errors
/// [`StoreError::Unavailable`] if another transaction has the lock for more than eight seconds.
pub async fn find_for_update(
    transaction: &Transaction<'_>,
    user: UserId,
) -> Result<Option<BillingAccount>, StoreError> {
    const LOCK: &str = "SELECT FROM subscriptions WHERE user_id = $1 FOR NO KEY UPDATE";
    let read = format!(
        "SELECT {COLUMNS} FROM subscriptions s JOIN users u ON u.id = s.user_id WHERE s.user_id = $1"
    );
    let (lock, read) = (transaction.prepare_cached(LOCK).await?, transaction.prepare_cached(&read).await?);
    let params: [&(dyn ToSql + Sync); 1] = [&user.0];
    // One round trip: the statements are pipelined and Postgres executes them in order. The lock
    // may wait for another transaction; the read after it sees what that transaction has committed.
    // Prepared statements are sent when first polled, and `biased` polls them in this order.
    let ((), locked, row) = try_join!(
        biased;
        transaction.batch_execute("SET LOCAL lock_timeout = '8s'"),
        transaction.execute(&lock, &params),
        transaction.query_opt(&read, &params),
    )?;
    // A row inserted between the two statements is not locked, so it is not returned.
    row.as_ref().filter(|_| locked == 1).map(TryInto::try_into).transpose()
}

/// Updates the customer id of a locked account.
pub async fn update_customer(
    transaction: &Transaction<'_>,
    account: &BillingAccount,
    customer: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE subscriptions SET customer_id = $2, updated_at = $3 WHERE user_id = $1";
    let statement = transaction.prepare_cached(SQL).await?;
    transaction.execute(&statement, &[&account.user_id.0, &customer, &now]).await?;
    Ok(())
}

/// Records that a checkout page was opened for a locked account at `now` and expires at
/// `expires_at`. Brings the next review forward to `review_at` if that is earlier.
pub async fn update_checkout(
    transaction: &Transaction<'_>,
    account: &BillingAccount,
    expires_at: DateTime<Utc>,
    review_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    const SQL: &str = "
        UPDATE subscriptions SET checkout_opened_at = $2, checkout_expires_at = $3, review_at = least(review_at, $4),
            updated_at = $2
        WHERE user_id = $1";
    let statement = transaction.prepare_cached(SQL).await?;
    transaction.execute(&statement, &[&account.user_id.0, &now, &expires_at, &review_at]).await?;
    Ok(())
}

/// The state of a subscription to store.
#[derive(Debug, Clone, Copy)]
pub struct SubscriptionUpdate<'a> {
    /// The effective subscription.
    pub subscription: Option<&'a Subscription>,
    /// The plan that it entitles to.
    pub tier: Tier,
    /// When to compare it with Stripe again.
    pub review_at: Option<DateTime<Utc>>,
}

/// Updates the subscription of a locked account and the plan of its user.
pub async fn update_subscription(
    transaction: &Transaction<'_>,
    account: &BillingAccount,
    update: SubscriptionUpdate<'_>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    const SQL: &str = "
        WITH updated AS (
            UPDATE subscriptions SET subscription_id = $3, status = $4, begun_at = $5, period_start = $6, period_end = $7,
                cancel_at_period_end = $8, past_due_since = $9, review_at = $10, updated_at = $11, ends_at = $12,
                invoice_url = $13
            WHERE user_id = $1
        )
        UPDATE users SET subscription_tier = $2, updated_at = $11 WHERE id = $1 AND subscription_tier <> $2";
    let subscription = update.subscription;
    let statement = transaction.prepare_cached(SQL).await?;
    transaction
        .execute(
            &statement,
            &[
                &account.user_id.0,
                &update.tier.as_str(),
                &subscription.map(|one| &one.id),
                &subscription.map(|one| one.status.as_str()),
                &subscription.map(|one| one.created_at),
                &subscription.and_then(|one| one.period_start),
                &subscription.and_then(|one| one.period_end),
                &subscription.is_some_and(|one| one.cancel_at_period_end),
                &subscription.and_then(|one| one.past_due_since),
                &update.review_at,
                &now,
                &subscription.and_then(|one| one.ends_at),
                &subscription.and_then(|one| one.invoice_url.as_deref()),
            ],
        )
        .await?;
    Ok(())
}

/// Deletes the row of a locked account. The caller has ended all of its subscriptions at Stripe
/// before.
pub async fn delete(transaction: &Transaction<'_>, account: &BillingAccount) -> Result<(), StoreError> {
    let statement = transaction.prepare_cached("DELETE FROM subscriptions WHERE user_id = $1").await?;
    transaction.execute(&statement, &[&account.user_id.0]).await?;
    Ok(())
}

/// Claims up to `limit` accounts whose review is due at `now`, the longest overdue first. Moves
/// their next review to `retry_at`, which applies if the caller's comparison with Stripe fails.
/// Concurrent calls claim different accounts.
pub async fn claim_due_reviews(
    db: &impl GenericClient,
    now: DateTime<Utc>,
    retry_at: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<UserId>, StoreError> {
    const SQL: &str = "
        UPDATE subscriptions SET review_at = $2 WHERE user_id = ANY (ARRAY(
            SELECT user_id FROM subscriptions WHERE review_at <= $1 ORDER BY review_at LIMIT $3 FOR UPDATE SKIP LOCKED
        )) RETURNING user_id";
    let statement = db.prepare_cached(SQL).await?;
    let rows = db.query(&statement, &[&now, &retry_at, &limit]).await?;
    rows.iter().map(|row| Ok(UserId(row.try_get("user_id")?))).collect()
}

/// Moves the next review of `user` to `review_at`.
pub async fn update_review_at(
    db: &impl GenericClient,
    user: UserId,
    review_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE subscriptions SET review_at = $2, updated_at = $3 WHERE user_id = $1";
    let statement = db.prepare_cached(SQL).await?;
    db.execute(&statement, &[&user.0, &review_at, &now]).await?;
    Ok(())
}

/// Lists up to `limit` users with a Stripe customer id, ordered by user id and starting after
/// `after`.
pub async fn list_users_with_customer(
    db: &impl GenericClient,
    after: Option<UserId>,
    limit: i64,
) -> Result<Vec<UserId>, StoreError> {
    const SQL: &str = "
        SELECT user_id FROM subscriptions
        WHERE customer_id IS NOT NULL AND ($1::uuid IS NULL OR user_id > $1) ORDER BY user_id LIMIT $2";
    let statement = db.prepare_cached(SQL).await?;
    let rows = db.query(&statement, &[&after.map(|user| user.0), &limit]).await?;
    rows.iter().map(|row| Ok(UserId(row.try_get("user_id")?))).collect()
}
