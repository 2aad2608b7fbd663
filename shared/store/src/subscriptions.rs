//! `subscriptions`: who pays, as Stripe said last. Its row is locked while Stripe is asked, so that what is written is what
//! was asked last; only then the user's row is touched.

use chrono::{DateTime, Utc};
use deadpool_postgres::{GenericClient, Transaction};
use domain::subscription::Subscription;
use domain::{Tier, UserId};
use tokio::try_join;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::StoreError;

/// What is kept of somebody's payments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillingAccount {
    /// Whose.
    pub user_id: UserId,
    /// The plan they are on.
    pub tier: Tier,
    /// Whether their account is being deleted.
    pub is_deleted: bool,
    /// Who they are to Stripe, once they have been there.
    pub customer_id: Option<String>,
    /// The subscription that counts, where they ever had one.
    pub subscription: Option<Subscription>,
    /// When they were sent to a checkout page last, and until when they can pay on it.
    pub checkout: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

const COLUMNS: &str = "u.id AS user_id, u.subscription_tier, u.deleted_at IS NOT NULL AS is_deleted, s.customer_id,
    s.subscription_id, s.status, s.begun_at, s.period_start, s.period_end, s.cancel_at_period_end, s.past_due_since, s.checkout_opened_at,
    s.checkout_expires_at";

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
        past_due_since: row.try_get("past_due_since")?,
    }))
}

/// What is kept of `user`'s payments: little, where they have never come near a checkout page.
///
/// # Errors
/// When Postgres does not answer.
pub async fn find(db: &impl GenericClient, user: UserId) -> Result<Option<BillingAccount>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM users u LEFT JOIN subscriptions s ON s.user_id = u.id
         WHERE u.id = $1 AND u.deleted_at IS NULL"
    );
    let statement = db.prepare_cached(&sql).await?;
    let row = db.query_opt(&statement, &[&user.0]).await?;
    row.as_ref().map(TryInto::try_into).transpose()
}

/// Whose payments are those of Stripe's `customer`.
///
/// # Errors
/// When Postgres does not answer.
pub async fn find_user_of(db: &impl GenericClient, customer: &str) -> Result<Option<UserId>, StoreError> {
    let statement = db.prepare_cached("SELECT user_id FROM subscriptions WHERE customer_id = $1").await?;
    let row = db.query_opt(&statement, &[&customer]).await?;
    row.map(|row| Ok(UserId(row.try_get("user_id")?))).transpose()
}

/// Makes room for what `user` pays, unless there is. One whose account is being deleted gets none.
///
/// # Errors
/// When Postgres does not answer.
pub async fn insert(db: &impl GenericClient, user: UserId, now: DateTime<Utc>) -> Result<(), StoreError> {
    const SQL: &str = "
        INSERT INTO subscriptions (user_id, created_at, updated_at)
        SELECT id, $2, $2 FROM users WHERE id = $1 AND deleted_at IS NULL
        ON CONFLICT (user_id) DO NOTHING";
    let statement = db.prepare_cached(SQL).await?;
    db.execute(&statement, &[&user.0, &now]).await?;
    Ok(())
}

/// What is kept of `user`'s payments, for nobody else to change until `transaction` ends. Waits eight seconds for somebody
/// who has it at the most.
///
/// # Errors
/// When Postgres does not answer, or somebody else has it for too long.
pub async fn lock(transaction: &Transaction<'_>, user: UserId) -> Result<Option<BillingAccount>, StoreError> {
    const LOCK: &str = "SELECT FROM subscriptions WHERE user_id = $1 FOR NO KEY UPDATE";
    let read = format!(
        "SELECT {COLUMNS} FROM subscriptions s JOIN users u ON u.id = s.user_id WHERE s.user_id = $1"
    );
    let (lock, read) = (transaction.prepare_cached(LOCK).await?, transaction.prepare_cached(&read).await?);
    let whose: [&(dyn ToSql + Sync); 1] = [&user.0];
    // Sent together, done one after the other: the lock may wait for somebody, and what is read then sees what they did. Each
    // is sent when it is first polled, and they are prepared, so they are sent in this order.
    let ((), locked, row) = try_join!(
        biased;
        transaction.batch_execute("SET LOCAL lock_timeout = '8s'"),
        transaction.execute(&lock, &whose),
        transaction.query_opt(&read, &whose),
    )?;
    // A row that came in between is not locked.
    row.as_ref().filter(|_| locked == 1).map(TryInto::try_into).transpose()
}

/// Notes who the owner of a locked account is to Stripe.
///
/// # Errors
/// When Postgres does not answer.
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

/// Notes that the owner of a locked account was sent to a checkout page that is open until `expires_at`, and when to look
/// whether they have paid.
///
/// # Errors
/// When Postgres does not answer.
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

/// What Stripe says of a subscription, and what follows from it.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// The subscription that counts.
    pub subscription: Option<&'a Subscription>,
    /// The plan that it entitles to.
    pub tier: Tier,
    /// When to ask again.
    pub review_at: Option<DateTime<Utc>>,
}

/// Writes how the owner of a locked account stands, and puts them on the plan that follows from it.
///
/// # Errors
/// When Postgres does not answer.
pub async fn update_standing(
    transaction: &Transaction<'_>,
    account: &BillingAccount,
    standing: Standing<'_>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    const SQL: &str = "
        WITH standing AS (
            UPDATE subscriptions SET subscription_id = $3, status = $4, begun_at = $5, period_start = $6, period_end = $7,
                cancel_at_period_end = $8, past_due_since = $9, review_at = $10, updated_at = $11
            WHERE user_id = $1
        )
        UPDATE users SET subscription_tier = $2, updated_at = $11 WHERE id = $1 AND subscription_tier <> $2";
    let one = standing.subscription;
    let statement = transaction.prepare_cached(SQL).await?;
    transaction
        .execute(
            &statement,
            &[
                &account.user_id.0,
                &standing.tier.as_str(),
                &one.map(|one| &one.id),
                &one.map(|one| one.status.as_str()),
                &one.map(|one| one.created_at),
                &one.and_then(|one| one.period_start),
                &one.and_then(|one| one.period_end),
                &one.is_some_and(|one| one.cancel_at_period_end),
                &one.and_then(|one| one.past_due_since),
                &standing.review_at,
                &now,
            ],
        )
        .await?;
    Ok(())
}

/// Forgets a locked account, of which Stripe has nothing left that lives.
///
/// # Errors
/// When Postgres does not answer.
pub async fn delete(transaction: &Transaction<'_>, account: &BillingAccount) -> Result<(), StoreError> {
    let statement = transaction.prepare_cached("DELETE FROM subscriptions WHERE user_id = $1").await?;
    transaction.execute(&statement, &[&account.user_id.0]).await?;
    Ok(())
}

/// Takes up to `limit` accounts on that are due for a comparison with Stripe at `now`, the longest due first, and has them due
/// again at `again_at`, should this one come to nothing. Several at once take different ones.
///
/// # Errors
/// When Postgres does not answer.
pub async fn take_due(
    db: &impl GenericClient,
    now: DateTime<Utc>,
    again_at: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<UserId>, StoreError> {
    const SQL: &str = "
        UPDATE subscriptions SET review_at = $2 WHERE user_id = ANY (ARRAY(
            SELECT user_id FROM subscriptions WHERE review_at <= $1 ORDER BY review_at LIMIT $3 FOR UPDATE SKIP LOCKED
        )) RETURNING user_id";
    let statement = db.prepare_cached(SQL).await?;
    let rows = db.query(&statement, &[&now, &again_at, &limit]).await?;
    rows.iter().map(|row| Ok(UserId(row.try_get("user_id")?))).collect()
}

/// Has the account of `user` be looked at again at `at`, and not before.
///
/// # Errors
/// When Postgres does not answer.
pub async fn update_review(
    db: &impl GenericClient,
    user: UserId,
    at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE subscriptions SET review_at = $2, updated_at = $3 WHERE user_id = $1";
    let statement = db.prepare_cached(SQL).await?;
    db.execute(&statement, &[&user.0, &at, &now]).await?;
    Ok(())
}

/// Up to `limit` accounts that Stripe knows, in the order of their ids, from behind `after` on.
///
/// # Errors
/// When Postgres does not answer.
pub async fn list_known(
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
