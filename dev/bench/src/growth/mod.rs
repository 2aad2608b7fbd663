//! `cargo dev bench growth`: whether requests get slower as the database grows.
//!
//! A workload makes the functions send each of their SQL statements, which a proxy collects. The database is then filled with
//! years of data. No statement may scan a table that grows. Last, the same requests are timed for a user with little and a user
//! with much data. Times are only printed.

mod http;
mod interrupted_request;
mod operators;
mod query_plans;
mod scaling;
mod seed;
mod unsent_statements;
mod workload;

use anyhow::Result;
use harness::{Suite, TestEnvironment, TestUser};
use serde_json::{Map, json};
use stack::progress::print;
use uuid::Uuid;

use self::interrupted_request::InterruptedRequest;
use self::query_plans::{QueryPlans, SeqScan};
use self::scaling::Comparison;
use self::seed::Accounts;
use self::unsent_statements::in_one_line;
use crate::{Benchmark, Mode, report};

/// Returns whether every statement was sent, none scans a table that grows, and every request succeeded.
pub(crate) async fn run(suite: &Suite, mode: Mode) -> Result<bool> {
    let environment = crate::start(suite, Benchmark::Growth, &[]).await?;
    let (small, large) = (TestUser::sign_up(&environment).await?, TestUser::sign_up(&environment).await?);
    let accounts =
        Accounts { small: id_of(&environment, &small).await?, large: id_of(&environment, &large).await? };
    let interrupted = InterruptedRequest::send(&environment).await?;
    workload::run(&environment).await?;
    interrupted.retry(&environment).await?;
    seed::fill(&environment.db, mode, accounts).await?;
    let statements = environment.postgres.prepared();
    let unsent = unsent_statements::find(&suite.home.root().join("shared/store/src"), &statements)?;
    let plans = query_plans::check(&environment.db, &statements, mode).await?;
    print_query_plans(&plans, &unsent);
    let small = (&small, &seed::ids_of(&environment.db, accounts.small).await?);
    let large = (&large, &seed::ids_of(&environment.db, accounts.large).await?);
    let comparisons = scaling::compare(&environment, small, large, mode).await?;
    if mode == Mode::Full {
        let rows: Vec<_> = comparisons.iter().map(Comparison::row).collect();
        print(report::markdown(&rows));
        let size: Map<_, _> =
            seed::rows(mode).map(|(name, rows)| (name.to_owned(), rows.into())).into_iter().collect();
        let json = json!({ "rows": size, "requests": report::json(&rows) });
        report::write(&suite.home, "growth.json", &format!("{json:#}\n"))?;
    }
    let failures: Vec<&String> = comparisons.iter().filter_map(|one| one.failure.as_ref()).collect();
    for failure in &failures {
        print(format_args!("  failed: {failure}\n"));
    }
    Ok(plans.scans.is_empty() && unsent.is_empty() && failures.is_empty())
}

fn print_query_plans(plans: &QueryPlans, unsent: &[String]) {
    let QueryPlans { checked, scans, generic_scans } = plans;
    print(format_args!("  {checked} statements, {} with a sequential scan\n", scans.len()));
    for (what, found) in [("sequential scan of", scans), ("generic plan (not used) scans", generic_scans)] {
        for SeqScan { statement, tables } in found {
            let tables: Vec<&str> = tables.iter().map(String::as_str).collect();
            print(format_args!("  {what} {}: {}\n", tables.join(", "), in_one_line(statement)));
        }
    }
    for statement in unsent {
        print(format_args!("  not sent by the workload: {statement}\n"));
    }
}

async fn id_of(environment: &TestEnvironment, user: &TestUser) -> Result<Uuid> {
    const SQL: &str = "SELECT id FROM users WHERE mobile_number = $1";
    Ok(environment.db.query_one(SQL, &[&user.number]).await?.get(0))
}
