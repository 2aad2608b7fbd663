//! `cargo dev bench growth`: whether requests get slower as the database grows.
//!
//! A workload makes the functions send each of their SQL statements, which a proxy collects. The
//! database is then filled with years of data. No statement may scan a table that grows. Last, the
//! same requests are timed for a user with little and a user with much data, and then the newest
//! migrations while messages are sent. Times are only printed.

mod interrupted_request;
mod migrations;
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

use self::interrupted_request::InterruptedRequests;
use self::query_plans::QueryPlans;
use self::seed::Accounts;
use crate::{Benchmark, Mode, report};

/// High spending caps: their statements are sent only if there are caps.
const SPEND_CAPS: [(&str, &str); 3] = [
    ("SPEND_CAP_USER_MICRO_USD", "1000000000000"),
    ("SPEND_CAP_SERVICE_MICRO_USD", "1000000000000"),
    (
        "GEMINI_MODELS",
        r#"[{"id": "gemini-3.5-flash-lite", "plans": ["basic"], "price": {"prompt": 1, "cached": 1, "output": 1}},
            {"id": "gemini-3.8-flash", "plans": ["pro"], "price": {"prompt": 1, "cached": 1, "output": 1}},
            {"id": "gemini-3.5-flash", "plans": [], "price": {"prompt": 1, "cached": 1, "output": 1}}]"#,
    ),
];

/// Returns whether every statement was sent, none scans a table that grows, and every request
/// succeeded.
pub(crate) async fn run(suite: &Suite, mode: Mode) -> Result<bool> {
    let environment = crate::start(suite, Benchmark::Growth, &SPEND_CAPS).await?;
    let db = &environment.db;
    let (small, large) = (TestUser::sign_up(&environment).await?, TestUser::sign_up(&environment).await?);
    let accounts =
        Accounts { small: environment.id_of(&small).await?, large: environment.id_of(&large).await? };
    let interrupted = InterruptedRequests::send(&environment).await?;
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
    let steps = migrations::measure(&environment, large.1.room).await?;
    if mode == Mode::Full {
        print(report::markdown(&rows));
        print(report::markdown(&steps));
        let size: Map<_, _> =
            seed::rows(mode).map(|(name, rows)| (name.to_owned(), rows.into())).into_iter().collect();
        let json = json!({
            "rows": size, "requests": report::json(&rows), "migrations": report::json(&steps),
        });
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
