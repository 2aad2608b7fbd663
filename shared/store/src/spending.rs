//! Spending on calls to the model, over `daily_usage`, `service_spending` and `spending_reservations`.
//!
//! A call first [reserves](reserve) the most that it can cost. When it has ended, its cost takes the
//! place of the reservation: for a generation in the statements of
//! [`processing`](crate::generations::processing), otherwise by [`settle`]. The sweeper
//! [charges](charge_expired) the reservations of calls that never reported their end.

use chrono::{DateTime, NaiveDate, Utc};
use deadpool_postgres::GenericClient;
use domain::UserId;
use domain::spending::{CapScope, SpendCaps};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::StoreError;
use crate::generations::processing::Tokens;

/// An amount to reserve for a call.
#[derive(Debug, Clone, Copy)]
pub struct NewReservation {
    /// Identifies the call. A reservation with the same id is replaced.
    pub id: Uuid,
    /// Who pays.
    pub user: UserId,
    /// The day to whose spending it counts.
    pub day: NaiveDate,
    /// The most that the call can cost.
    pub micro_usd: i64,
    /// When the call has certainly ended.
    pub expires_at: DateTime<Utc>,
}

/// The result of [`reserve`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserved {
    /// The amount is reserved.
    Granted,
    /// The cost so far leaves too little until the end of the day. The cap is marked as reached.
    CapReached(CapScope),
    /// Calls under way have reserved too much. They may cost less.
    Busy(CapScope),
}

/// Reserves an amount, unless that could exceed one of `caps`. Concurrent calls never exceed a cap
/// together.
pub async fn reserve(
    db: &impl GenericClient,
    reservation: NewReservation,
    caps: SpendCaps,
) -> Result<Reserved, StoreError> {
    const SQL: &str = "SELECT reserve_spending($1, $2, $3, $4, $5, $6, $7) AS outcome";
    let NewReservation { id, user, day, micro_usd, expires_at } = reservation;
    let statement = db.prepare_cached(SQL).await?;
    let parameters: [&(dyn ToSql + Sync); 7] =
        [&id, &user.0, &day, &micro_usd, &caps.user, &caps.service, &expires_at];
    let row = db.query_one(&statement, &parameters).await?;
    let outcome: &str = row.try_get("outcome")?;
    Ok(match outcome.strip_suffix("_busy") {
        Some(scope) => Reserved::Busy(scope.try_into()?),
        None if outcome == "granted" => Reserved::Granted,
        None => Reserved::CapReached(outcome.try_into()?),
    })
}

/// As [`reserve`], but only if the amount is granted: a refusal does not mark the cap as reached. For
/// calls that may cost more than the messages that the mark keeps away. Returns whether it is granted.
pub async fn reserve_optional(
    db: &mut impl GenericClient,
    reservation: NewReservation,
    caps: SpendCaps,
) -> Result<bool, StoreError> {
    let transaction = db.transaction().await?;
    let is_granted = reserve(&transaction, reservation, caps).await? == Reserved::Granted;
    if is_granted {
        transaction.commit().await?;
    } else {
        transaction.rollback().await?;
    }
    Ok(is_granted)
}

/// Common table expressions that delete the reservation `id` after the rows of `cause` are changed, and
/// compute what takes its place. `settled` has one row: `cost`, to add to the costs, `released`, to
/// subtract from the reserved sums, and whether both also apply to the service.
pub(crate) fn settled(cause: &str, id: &str, cost: &str) -> String {
    format!(
        "reservation AS (
            DELETE FROM spending_reservations r USING {cause} WHERE r.id = {id}
            RETURNING r.micro_usd, r.is_charged, r.counts_for_service
        ), settled AS (
            SELECT {cost}::bigint - coalesce(sum(micro_usd) FILTER (WHERE is_charged), 0)::bigint AS cost,
                coalesce(sum(micro_usd) FILTER (WHERE NOT is_charged), 0)::bigint AS released,
                coalesce(bool_or(counts_for_service), false) AS counts_for_service
            FROM reservation
        )"
    )
}

/// A statement that settles the service's share of `settled`, after the rows of `before` are changed.
pub(crate) fn settle_service(day: &str, before: &str) -> String {
    format!(
        "UPDATE service_spending s SET cost_micro_usd = s.cost_micro_usd + settled.cost,
            reserved_micro_usd = s.reserved_micro_usd - settled.released
        FROM settled
        WHERE s.day = {day} AND settled.counts_for_service AND (SELECT count(*) FROM {before}) >= 0"
    )
}

/// Replaces the reservation `id` by the cost of its call, and adds the tokens to the usage of `user`.
/// Without tokens and cost it releases the reservation.
pub async fn settle(
    db: &impl GenericClient,
    id: Uuid,
    user: UserId,
    day: NaiveDate,
    tokens: Tokens,
) -> Result<(), StoreError> {
    let sql = format!(
        "WITH call AS (SELECT 1), {settled}, used AS (
            INSERT INTO daily_usage AS d (user_id, day, {columns})
            SELECT users.id, $2, $4, $5, $6, $7, settled.cost, $9 FROM users, settled WHERE users.id = $1
            ON CONFLICT (user_id, day) DO UPDATE SET {sums}
            RETURNING d.user_id
        ), counted AS (
            UPDATE users u SET prompt_tokens = u.prompt_tokens + $4, response_tokens = u.response_tokens + $5
            FROM used WHERE u.id = used.user_id
            RETURNING u.id
        )
        {service}",
        settled = settled("call", "$3", "$8"),
        columns = USAGE_COLUMNS,
        sums = USAGE_SUMS,
        service = settle_service("$2", "counted"),
    );
    let statement = db.prepare_cached(&sql).await?;
    let [prompt, response, cached, thoughts] =
        [tokens.prompt, tokens.response, tokens.cached, tokens.thoughts].map(i64::from);
    let (cost, unpriced) = (tokens.cost.micro_usd, i32::from(tokens.cost.is_unpriced));
    let parameters: [&(dyn ToSql + Sync); 9] =
        [&user.0, &day, &id, &prompt, &response, &cached, &thoughts, &cost, &unpriced];
    db.execute(&statement, &parameters).await?;
    Ok(())
}

/// The columns of `daily_usage` that a call adds to.
pub(crate) const USAGE_COLUMNS: &str =
    "prompt_tokens, response_tokens, cached_tokens, thought_tokens, cost_micro_usd, unpriced_calls";

/// The sums of the row `d` of `daily_usage` and those of a call, whose reservation is `settled`.
pub(crate) const USAGE_SUMS: &str = "prompt_tokens = d.prompt_tokens + excluded.prompt_tokens,
    response_tokens = d.response_tokens + excluded.response_tokens,
    cached_tokens = d.cached_tokens + excluded.cached_tokens,
    thought_tokens = d.thought_tokens + excluded.thought_tokens,
    cost_micro_usd = d.cost_micro_usd + excluded.cost_micro_usd,
    unpriced_calls = d.unpriced_calls + excluded.unpriced_calls,
    reserved_micro_usd = d.reserved_micro_usd - (SELECT released FROM settled)";

/// An expression for the cap that is reached: `user`, `service` or NULL. The arguments are expressions
/// for the user, the day, and the two caps, which may be NULL.
pub(crate) fn reached_cap(user: &str, day: &str, user_cap: &str, service_cap: &str) -> String {
    let is_reached = |cap: &str| format!("greatest(cost_micro_usd, reached_cap_micro_usd) >= {cap}::bigint");
    format!(
        "CASE WHEN {user_cap}::bigint IS NOT NULL AND EXISTS (
                SELECT FROM daily_usage WHERE user_id = {user} AND day = {day} AND {own}
            ) THEN 'user'
            WHEN {service_cap}::bigint IS NOT NULL AND EXISTS (
                SELECT FROM service_spending WHERE day = {day} AND {service}
            ) THEN 'service'
        END",
        own = is_reached(user_cap),
        service = is_reached(service_cap),
    )
}

/// The cap in the column `reached_cap`.
pub(crate) fn reached_cap_of(row: &Row) -> Result<Option<CapScope>, StoreError> {
    Ok(row.try_get::<_, Option<&str>>("reached_cap")?.map(TryInto::try_into).transpose()?)
}

/// A reservation that the sweeper has charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChargedReservation {
    /// Who pays. `None` if the account is deleted.
    pub user: Option<UserId>,
    /// The amount.
    pub micro_usd: i64,
}

/// Charges one reservation that has expired by `now`: the whole amount counts as spent, because the
/// vendor may bill a call whose worker was killed. Returns `None` if there is none. One at a time, so
/// that concurrent sweeps lock the rows of users in no particular order.
pub async fn charge_expired(
    db: &impl GenericClient,
    now: DateTime<Utc>,
) -> Result<Option<ChargedReservation>, StoreError> {
    const SQL: &str = "
        WITH expired AS (
            SELECT id, user_id, day, micro_usd, counts_for_service FROM spending_reservations
            WHERE expires_at <= $1 AND NOT is_charged
            ORDER BY expires_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
        ), charged AS (
            UPDATE spending_reservations r SET is_charged = true FROM expired WHERE r.id = expired.id RETURNING r.id
        ), used AS (
            UPDATE daily_usage d SET cost_micro_usd = d.cost_micro_usd + expired.micro_usd,
                reserved_micro_usd = d.reserved_micro_usd - expired.micro_usd
            FROM expired JOIN charged ON charged.id = expired.id
            WHERE d.user_id = expired.user_id AND d.day = expired.day
            RETURNING 1
        ), service AS (
            UPDATE service_spending s SET cost_micro_usd = s.cost_micro_usd + expired.micro_usd,
                reserved_micro_usd = s.reserved_micro_usd - expired.micro_usd
            FROM expired
            WHERE s.day = expired.day AND expired.counts_for_service AND (SELECT count(*) FROM used) >= 0
        )
        SELECT user_id, micro_usd FROM expired";
    let statement = db.prepare_cached(SQL).await?;
    let row = db.query_opt(&statement, &[&now]).await?;
    row.map(|row| {
        let user = row.try_get::<_, Option<_>>("user_id")?.map(UserId);
        Ok(ChargedReservation { user, micro_usd: row.try_get("micro_usd")? })
    })
    .transpose()
}

/// Deletes up to `limit` charged reservations that had expired by `before`. Returns how many it deleted.
pub async fn delete_charged(
    db: &impl GenericClient,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<u64, StoreError> {
    const SQL: &str = "
        DELETE FROM spending_reservations WHERE id = ANY (ARRAY(
            SELECT id FROM spending_reservations WHERE expires_at <= $1 AND is_charged LIMIT $2
        ))";
    let statement = db.prepare_cached(SQL).await?;
    Ok(db.execute(&statement, &[&before, &limit]).await?)
}
