//! Saying who operates the service: a command for whoever can reach its database, and nothing that the API could be asked.

use app::{Clock, Config};
use domain::{MobileNumber, Role};
use lambda_runtime::Error;

use crate::database;

/// Gives the account of `number` the role `role`. It counts from the account's next request on.
///
/// # Errors
/// When there is no such account or role, or Postgres does not answer.
pub async fn set(config: &Config, number: &str, role: &str) -> Result<(), Error> {
    let role: Role = role.try_into().map_err(|_| format!("{role:?} is no role: it is admin or user"))?;
    let number = MobileNumber::from(number);
    let client = database(config)?.client().await?;
    if !store::users::update_role(&client, &number, role, Clock::default().now()).await? {
        return Err(format!("no account has the number {number}").into());
    }
    Ok(())
}
