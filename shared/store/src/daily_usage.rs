//! `daily_usage`: messages and tokens of a user, one row a day.
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
    /// Tokens that the model wrote.
    pub response_tokens: i64,
}

impl TryFrom<&Row> for DailyUsage {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            day: row.try_get("day")?,
            messages: row.try_get("messages")?,
            prompt_tokens: row.try_get("prompt_tokens")?,
            response_tokens: row.try_get("response_tokens")?,
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
            coalesce(d.prompt_tokens, 0) AS prompt_tokens, coalesce(d.response_tokens, 0) AS response_tokens
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
        SELECT day, messages, prompt_tokens, response_tokens FROM daily_usage WHERE user_id = $1 ORDER BY day";
    let statement = db.prepare_cached(SQL).await?;
    let rows = db.query(&statement, &[&user.0]).await?;
    rows.iter().map(TryInto::try_into).collect()
}
