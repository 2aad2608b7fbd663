//! `daily_usage`: messages, tokens and costs of a user, one row a day; and `service_spending`, the costs
//! of all users, one row a day.
//!
//! The statements that accept, refund and complete messages also update this table; they are in
//! [`messages`](crate::messages).

use chrono::NaiveDate;
use deadpool_postgres::GenericClient;
use domain::UserId;
use tokio_postgres::Row;

use crate::StoreError;

/// The usage of one user on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DailyUsage {
    /// The day, in UTC.
    pub day: NaiveDate,
    /// Accepted messages minus refunded ones.
    pub messages: i32,
    /// Tokens sent to the model.
    pub prompt_tokens: i64,
    /// Of those, tokens that the vendor read from its cache.
    pub cached_tokens: i64,
    /// Tokens that the model wrote, thoughts included.
    pub response_tokens: i64,
    /// Of those, tokens of thoughts.
    pub thought_tokens: i64,
    /// What the calls cost, in micro-dollars.
    pub cost_micro_usd: i64,
    /// Calls to models without a configured price.
    pub unpriced_calls: i32,
}

impl TryFrom<&Row> for DailyUsage {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            day: row.try_get("day")?,
            messages: row.try_get("messages")?,
            prompt_tokens: row.try_get("prompt_tokens")?,
            cached_tokens: row.try_get("cached_tokens")?,
            response_tokens: row.try_get("response_tokens")?,
            thought_tokens: row.try_get("thought_tokens")?,
            cost_micro_usd: row.try_get("cost_micro_usd")?,
            unpriced_calls: row.try_get("unpriced_calls")?,
        })
    }
}

/// Lists the usage of `user` on each day from `first` to `last`, latest first. A day without a row
/// counts as zero usage.
pub async fn list(
    db: &impl GenericClient,
    user: UserId,
    first: NaiveDate,
    last: NaiveDate,
) -> Result<Vec<DailyUsage>, StoreError> {
    const SQL: &str = "
        SELECT days.day::date AS day, coalesce(d.messages, 0) AS messages,
            coalesce(d.prompt_tokens, 0) AS prompt_tokens, coalesce(d.cached_tokens, 0) AS cached_tokens,
            coalesce(d.response_tokens, 0) AS response_tokens, coalesce(d.thought_tokens, 0) AS thought_tokens,
            coalesce(d.cost_micro_usd, 0) AS cost_micro_usd, coalesce(d.unpriced_calls, 0) AS unpriced_calls
        FROM generate_series($2::date, $3::date, interval '1 day') AS days (day)
        LEFT JOIN daily_usage d ON d.user_id = $1 AND d.day = days.day::date
        ORDER BY days.day DESC";
    let statement = db.prepare_cached(SQL).await?;
    let rows = db.query(&statement, &[&user.0, &first, &last]).await?;
    rows.iter().map(TryInto::try_into).collect()
}

/// Lists all stored days of `user`, earliest first. Days without usage have no row.
pub async fn list_all(db: &impl GenericClient, user: UserId) -> Result<Vec<DailyUsage>, StoreError> {
    const SQL: &str = "
        SELECT day, messages, prompt_tokens, cached_tokens, response_tokens, thought_tokens, cost_micro_usd,
            unpriced_calls
        FROM daily_usage WHERE user_id = $1 ORDER BY day";
    let statement = db.prepare_cached(SQL).await?;
    let rows = db.query(&statement, &[&user.0]).await?;
    rows.iter().map(TryInto::try_into).collect()
}

/// The spending of all users on one day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ServiceSpending {
    /// What the calls cost, in micro-dollars.
    pub cost_micro_usd: i64,
    /// What calls under way have reserved.
    pub reserved_micro_usd: i64,
}

/// Finds the spending of all users on `day`. `None` if it was not counted, because no cap was set.
pub async fn find_service_spending(
    db: &impl GenericClient,
    day: NaiveDate,
) -> Result<Option<ServiceSpending>, StoreError> {
    const SQL: &str = "SELECT cost_micro_usd, reserved_micro_usd FROM service_spending WHERE day = $1";
    let statement = db.prepare_cached(SQL).await?;
    let row = db.query_opt(&statement, &[&day]).await?;
    row.map(|row| {
        Ok(ServiceSpending {
            cost_micro_usd: row.try_get("cost_micro_usd")?,
            reserved_micro_usd: row.try_get("reserved_micro_usd")?,
        })
    })
    .transpose()
}

/// Lists the users whose answers cost anything on `day`, the highest cost first: at most `limit`, all
/// after `after` (cost and user) in that order. For operators.
pub async fn list_spenders(
    db: &impl GenericClient,
    day: NaiveDate,
    after: Option<(i64, UserId)>,
    limit: i64,
) -> Result<Vec<(UserId, DailyUsage)>, StoreError> {
    const SQL: &str = "
        SELECT user_id, day, messages, prompt_tokens, cached_tokens, response_tokens, thought_tokens,
            cost_micro_usd, unpriced_calls
        FROM daily_usage
        WHERE day = $1 AND cost_micro_usd > 0
            AND (cost_micro_usd, user_id) < (coalesce($2, 9223372036854775807),
                                             coalesce($3, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
        ORDER BY cost_micro_usd DESC, user_id DESC LIMIT $4";
    let statement = db.prepare_cached(SQL).await?;
    let (cost, user) = (after.map(|(cost, _)| cost), after.map(|(_, user)| user.0));
    let rows = db.query(&statement, &[&day, &cost, &user, &limit]).await?;
    rows.iter().map(|row| Ok((UserId(row.try_get("user_id")?), row.try_into()?))).collect()
}
