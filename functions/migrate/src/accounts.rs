//! Suspends and restores accounts by their numbers: commands for an operator with access to the
//! database.

use std::time::Duration;

use app::{Clock, Config};
use domain::AccountNumber;
use lambda_runtime::Error;
use store::generations::account;
use store::operator_actions::Operator;
use store::users::{credentials, operators};
use tokio::time::sleep;
use tracing::info;

use crate::database;

/// How long an instance of the service may still accept a session that it has cached: the lifetime
/// of an entry, and a write that was under way.
pub const SESSION_CACHE: Duration = Duration::from_secs(12);

/// Suspends the account with this `number`, and waits for `cache_lifetime`: a command cannot
/// invalidate the cached sessions in Redis. When it returns, every token of the account is refused.
pub async fn suspend(config: &Config, number: &str, cache_lifetime: Duration) -> Result<(), Error> {
    let (number, now) = (AccountNumber::from(number), Clock::default().now());
    let mut client = database(config)?.client().await?;
    let found = credentials::find_by_number(&client, &number).await?;
    let id = found.ok_or_else(|| no_account(&number))?.user.id;
    let suspended = operators::suspend(&mut client, id, false, Operator::COMMAND, now).await?;
    suspended.ok_or_else(|| no_account(&number))?;
    let cancelled = account::cancel_all(&client, id, now).await?;
    sleep(cache_lifetime).await;
    info!(user.id = %id, cancelled, "account suspended");
    Ok(())
}

/// Restores the account with this `number`. A session that was refused a moment ago is refused for up
/// to 20 seconds more: a command cannot invalidate the cached sessions in Redis.
pub async fn restore(config: &Config, number: &str) -> Result<(), Error> {
    let number = AccountNumber::from(number);
    let client = database(config)?.client().await?;
    let found = credentials::find_by_number(&client, &number).await?;
    let id = found.ok_or_else(|| no_account(&number))?.user.id;
    operators::restore(&client, id, Operator::COMMAND, Clock::default().now()).await?;
    info!(user.id = %id, "account restored");
    Ok(())
}

fn no_account(number: &AccountNumber) -> Error {
    format!("no account has the number {}", number.as_str()).into()
}
