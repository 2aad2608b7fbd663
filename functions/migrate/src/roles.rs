//! Sets the role of an account: a command for an operator with access to the database. The API has
//! no route for it.

use app::{Clock, Config};
use domain::{AccountNumber, Role};
use lambda_runtime::Error;
use store::operator_actions::Operator;
use store::users::operators;

use crate::database;

/// Sets the role of the account with this `number`, from the account's next request on.
pub async fn set(config: &Config, number: &str, role: &str) -> Result<(), Error> {
    let role: Role = role.try_into().map_err(|_| format!("{role:?} is not a role: use admin or user"))?;
    let number = AccountNumber::from(number);
    let client = database(config)?.client().await?;
    if !operators::update_role(&client, &number, role, Operator::COMMAND, Clock::default().now()).await? {
        return Err(format!("no account has the number {}", number.as_str()).into());
    }
    Ok(())
}
