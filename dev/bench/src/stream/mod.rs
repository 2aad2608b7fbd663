//! `cargo dev bench stream`: the time that the service adds to each piece of an answer, from the chunk
//! of mock Gemini to the event at the client, the round trips and Redis commands of it, and 1,000
//! streams at once.

mod counts;
mod delays;
mod many;
mod streamed_answer;

use anyhow::Result;
use harness::Suite;
use serde_json::json;
use stack::progress::print;

use crate::budgets::Budgets;
use crate::{Benchmark, Mode, report};

/// No timeout may end an answer that is slow on purpose, and no lease is renewed while it is written.
const VARIABLES: [(&str, &str); 3] = [
    ("WORKER_LEASE_MS", "110000"),
    ("GEMINI_TIMEOUT_MS", "100000"),
    ("GEMINI_REQUESTS_PER_MINUTE", "100000000"),
];

/// Measures, prints tables, writes `stream.json`, and returns whether all budgets are met and no
/// reader has lost or repeated text.
pub(crate) async fn run(suite: &Suite, mode: Mode) -> Result<bool> {
    let environment = crate::start(suite, Benchmark::Stream, &VARIABLES).await?;
    let counts = counts::measure(&environment, mode).await?;
    let rows: Vec<_> = counts.iter().map(|count| count.row.clone()).collect();
    print(report::markdown(&rows));
    let budgets = Budgets::read(suite.home.root())?;
    let mut exceeded = Vec::new();
    for count in &counts {
        exceeded.extend(budgets.check_request(count.name, &count.counts)?);
    }
    if mode == Mode::Full {
        let delays = delays::measure(&environment).await?;
        print(report::markdown(&delays.rows));
        exceeded.extend(budgets.check_request(delays::FIRST_TEXT, &delays.counts)?);
        let many = many::measure(&environment).await?;
        print(report::markdown(&many.rows));
        exceeded.extend(many.wrong);
        let json = json!({
            "counts": report::json(&rows), "delays": report::json(&delays.rows), "streams": report::json(&many.rows),
        });
        report::write_json(&suite.home, "stream.json", &json)?;
    }
    for line in &exceeded {
        print(format_args!("  over budget: {line}\n"));
    }
    Ok(exceeded.is_empty())
}
