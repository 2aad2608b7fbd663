//! `cargo dev bench requests`: cold starts, and time, CPU, memory and round trips of each request.

mod baselines;
mod chart;
mod cold_starts;
mod instructions;
mod measure;

use anyhow::Result;
use harness::Suite;
use serde_json::json;
use stack::progress::{info, print};

use self::baselines::Baselines;
use self::instructions::InstructionCounter;
use crate::budgets::Budgets;
use crate::{Benchmark, Mode, bench_request, report};

/// A daily limit that the benchmark does not reach.
pub(crate) const VARIABLES: [(&str, &str); 1] = [("PRO_DAILY_MESSAGE_LIMIT", "1000000")];

/// Measures, prints tables, writes `requests.json` and `requests.svg`, and returns whether all
/// budgets are met.
pub(crate) async fn run(suite: &Suite, mode: Mode) -> Result<bool> {
    let home = &suite.home;
    let environment = crate::start(suite, Benchmark::Requests, &VARIABLES).await?;
    environment.start_worker().await?;
    let names = cold_starts::programs(home.root())?;
    let sizes = cold_starts::sizes(&suite.programs, &names);
    let (mut counter, mut cold_starts, mut baselines) = (None, Vec::new(), Baselines::default());
    if mode == Mode::Full {
        counter = InstructionCounter::find(&environment)?;
        if counter.is_none() {
            info("valgrind is not installed: instructions are not counted");
        }
        cold_starts = cold_starts::measure(&environment, &names, &sizes, counter.as_ref()).await?;
        baselines = baselines::measure(&environment).await?;
    }
    let mut results = Vec::new();
    for request in bench_request::all(&environment, mode).await? {
        print(format_args!("  {}\n", request.name));
        results.push(measure::measure(&environment, &request, mode, counter.as_ref(), &baselines).await?);
    }
    let requests: Vec<_> = results.iter().map(|result| result.row.clone()).collect();
    for rows in [&cold_starts, &baselines.rows, &requests] {
        print(report::markdown(rows));
    }
    if mode == Mode::Full {
        let json = json!({
            "cold_starts": report::json(&cold_starts), "baselines": report::json(&baselines.rows),
            "requests": report::json(&requests),
        });
        report::write_json(home, "requests.json", &json)?;
        report::write(home, "requests.svg", &chart::draw(&results))?;
    }
    let budgets = Budgets::read(home.root())?;
    let mut exceeded = if mode == Mode::Full { budgets.check_sizes(&sizes)? } else { Vec::new() };
    for result in &results {
        exceeded.extend(budgets.check_request(result.name, &result.counts)?);
    }
    for line in &exceeded {
        print(format_args!("  over budget: {line}\n"));
    }
    Ok(exceeded.is_empty())
}
