//! `cargo dev bench growth`: whether requests get slower as the database grows.
//!
//! A workload makes the functions send each of their SQL statements, which a proxy collects. The
//! database is then filled with years of data. No statement may scan a table that grows. Last, the
//! same requests are timed for a user with little and a user with much data. Times are only
//! printed.

mod interrupted_request;
mod operators;
mod query_plans;
mod scaling;
mod seed;
mod unsent_statements;
mod workload;

use anyhow::Result;
use harness::{Suite, TestUser};
use serde_json::{Map, json};
use stack::progress::print;

use self::interrupted_request::InterruptedRequest;
use self::query_plans::QueryPlans;
use self::seed::Accounts;
use crate::{Benchmark, Mode, report};

/// Returns whether every statement was sent, none scans a table that grows, and every request
/// succeeded.
pub(crate) async fn run(suite: &Suite, mode: Mode) -> Result<bool> {
    const ID: &str = "SELECT id FROM users WHERE mobile_number = $1";
    let environment = crate::start(suite, Benchmark::Growth, &[]).await?;
    let db = &environment.db;
    let (small, large) = (TestUser::sign_up(&environment).await?, TestUser::sign_up(&environment).await?);
    let accounts = Accounts {
        small: db.value(ID, &[&small.number]).await?,
        large: db.value(ID, &[&large.number]).await?,
    };
    let interrupted = InterruptedRequest::send(&environment).await?;
    workload::run(&environment).await?;
    interrupted.retry(&environment).await?;
    seed::fill(db, mode, accounts).await?;
    let statements = environment.postgres.prepared();
    let unsent = unsent_statements::find(&suite.home.root().join("shared/store/src"), &statements)?;
    let QueryPlans { checked, scans, generic_scans } = query_plans::check(db, &statements, mode).await?;
    print(format_args!("  {checked} statements, {} with a sequential scan\n", scans.len()));
    print_lines("sequential scan of ", &scans);
    print_lines("generic plan (not used) scans ", &generic_scans);
    print_lines("not sent by the workload: ", &unsent);
    let small = (&small, &seed::ids_of(db, accounts.small).await?);
    let large = (&large, &seed::ids_of(db, accounts.large).await?);
    let (rows, failures) = scaling::compare(&environment, small, large, mode).await?;
    if mode == Mode::Full {
        print(report::markdown(&rows));
        let size: Map<_, _> =
            seed::rows(mode).map(|(name, rows)| (name.to_owned(), rows.into())).into_iter().collect();
        let json = json!({ "rows": size, "requests": report::json(&rows) });
        report::write_json(&suite.home, "growth.json", &json)?;
    }
    print_lines("failed: ", &failures);
    Ok(scans.is_empty() && unsent.is_empty() && failures.is_empty())
}

fn print_lines(what: &str, found: &[String]) {
    for one in found {
        print(format_args!("  {what}{one}\n"));
    }
}
