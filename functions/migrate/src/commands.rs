//! What an operator with access to the database, and for some to the table or Redis, runs from a shell:
//! `migrate COMMAND`. The variables are those of a function.

use app::{Config, Dependency};
use lambda_runtime::Error;

use crate::smoke::{self, Target};
use crate::{accounts, receipts, roles, switches};

const USAGE: &str = "usage:
  migrate                                     runs the migrations
  migrate role NUMBER admin|user              sets the role of an account
  migrate suspend NUMBER                      suspends an account
  migrate restore NUMBER                      ends the suspension
  migrate pause signups|sending|sms|model ID  pauses a feature
  migrate resume signups|sending|sms|model ID ends that
  migrate paused                              prints what is paused
  migrate reopen-receipts TIME                reopens receipts after a restore of Postgres to TIME
  migrate smoke URL [STREAM_URL]              runs the smoke test against the API at URL";

/// Runs the command that `args` are.
///
/// # Errors
/// There is no such command, a variable is missing or invalid, or the command has failed.
pub async fn run(args: &[&str]) -> Result<(), Error> {
    let config = Config::from_env(dependencies(args))?;
    match args {
        [] => crate::run(&config).await.map(drop),
        ["role", number, role] => roles::set(&config, number, role).await,
        ["suspend", number] => accounts::suspend(&config, number, accounts::SESSION_CACHE).await,
        ["restore", number] => accounts::restore(&config, number).await,
        ["pause", feature @ ..] => switches::set(&config, feature, true).await,
        ["resume", feature @ ..] => switches::set(&config, feature, false).await,
        ["paused"] => switches::find(&config).await.map(|paused| println!("{paused}")),
        ["reopen-receipts", since] => {
            receipts::reopen(&config, since).await.map(|count| println!("{count} receipts"))
        }
        ["smoke", api] => run_smoke_test(&config, api, None).await,
        ["smoke", api, streams] => run_smoke_test(&config, api, Some(streams)).await,
        _ => Err(USAGE.into()),
    }
}

fn dependencies(args: &[&str]) -> &'static [Dependency] {
    match args {
        ["smoke", ..] => smoke::DEPENDENCIES,
        ["pause" | "resume" | "paused" | "reopen-receipts", ..] => &[Dependency::DATABASE, Dependency::TABLE],
        _ => &[Dependency::DATABASE],
    }
}

/// Runs the smoke test and prints its steps.
async fn run_smoke_test(config: &Config, api: &str, streams: Option<&str>) -> Result<(), Error> {
    let (api_url, stream_url) = (api.to_owned(), streams.map(str::to_owned));
    let target = Target { api_url, stream_url, ..Target::default() };
    let report = Box::pin(smoke::run(config, &target)).await?;
    print!("{report}");
    if let Some(failure) = report.failure() {
        return Err(failure.into());
    }
    println!("{}", report.summary());
    Ok(())
}
