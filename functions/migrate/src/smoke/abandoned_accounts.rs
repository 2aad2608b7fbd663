//! Deletes the accounts of smoke tests that could not delete them. The sweeper deletes what an account
//! owned.

use std::time::Duration;

use app::telemetry::chain;
use app::{Clock, Config};
use domain::{MobileNumber, quota};
use lambda_runtime::Error;
use secrecy::ExposeSecret as _;
use store::users::credentials::{self, Credentials};
use store::users::smoke_tests;
use store::{Client, account_deletion};
use tokio::time::timeout;
use tracing::{info, warn};

use super::account::{NAME, all_numbers};
use crate::database;

/// Longer than a run: the function's timeout is 300 seconds. Accounts of runs in progress are younger.
const MIN_AGE: Duration = Duration::from_mins(6);

const TIMEOUT: Duration = Duration::from_secs(10);

/// Deletes the accounts of earlier runs. After an interrupted run Lambda repeats the invocation, or
/// CloudFormation times out and rolls back. Both call this, and so does the next deployment. A failure is
/// only logged: it does not concern this deployment.
pub(crate) async fn delete(config: &Config) {
    report(timeout(TIMEOUT, delete_all(config)).await.unwrap_or_else(|elapsed| Err(elapsed.into())));
}

/// Deletes the account of a run with `number`, if there is one: the run could not do it through the API.
/// Another account with this number stays.
pub(crate) async fn delete_account(config: &Config, number: &MobileNumber) {
    let deletion = delete_by_number(config, number);
    report(timeout(TIMEOUT, deletion).await.unwrap_or_else(|elapsed| Err(elapsed.into())));
}

async fn delete_by_number(config: &Config, number: &MobileNumber) -> Result<(), Error> {
    let mut db = database(config)?.client().await?;
    match credentials::find_by_number(&db, number).await? {
        Some(account) if is_of_smoke_test(config, &account) => delete_one(config, &mut db, &account).await,
        _ => Ok(()),
    }
}

/// Whether a smoke test has created the account. Accounts of app reviewers have test numbers.
fn is_of_smoke_test(config: &Config, account: &Credentials) -> bool {
    let number = account.user.mobile_number.as_str();
    account.user.name == NAME && config.codes.test_numbers.iter().all(|test| test.number.as_str() != number)
}

fn report(deleted: Result<(), Error>) {
    if let Err(error) = deleted {
        warn!(
            error = chain(error.as_ref()),
            "failed to delete an account of a smoke test; the next one deletes it"
        );
    }
}

async fn delete_all(config: &Config) -> Result<(), Error> {
    let mut db = database(config)?.client().await?;
    let before = Clock::default().now() - MIN_AGE;
    for account in smoke_tests::list_abandoned(&db, NAME, &all_numbers(), before).await? {
        if is_of_smoke_test(config, &account) {
            delete_one(config, &mut db, &account).await?;
        }
    }
    Ok(())
}

async fn delete_one(config: &Config, db: &mut Client, account: &Credentials) -> Result<(), Error> {
    let number = MobileNumber::from(account.user.mobile_number.as_str());
    let hash = quota::number_hash(config.jwt_secret.expose_secret().as_bytes(), &number);
    let (id, now) = (account.user.id, Clock::default().now());
    if account_deletion::start(db, id, &account.password_hash, &hash, now).await?.is_some() {
        info!(user.id = %id, "deleted the account of an interrupted smoke test");
    }
    Ok(())
}
