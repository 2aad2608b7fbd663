//! `cargo dev bench memory`: duration and cost of each request at each Lambda memory size.
//!
//! Lambda grants CPU time in proportion to memory and bills duration times memory, so less memory
//! is cheaper until the duration grows by more than the memory shrinks. Functions run under the CPU
//! quota of their memory ([`crate::cpu_quota`]), with network delay to their dependencies, because
//! they mostly wait. As in Lambda, the init phase has a whole vCPU at every size.

mod measure;
mod report;

use anyhow::Result;
use cost::prices::Prices;
use harness::Suite;
use serde_json::json;
use stack::progress::{info, print};
use stack::services::event_source_mapping;
use stack::template::Template;

use self::report::RequestResult;
use crate::bench_request::{self, BenchRequest};
use crate::report::{json, markdown, write_json};
use crate::{Benchmark, Mode, cpu_quota};

/// The measured sizes in MB.
const SIZES: [u64; 5] = [128, 256, 512, 1024, 1769];

/// Requests outside the workload of the cost model, which are not measured.
const EXCLUDED: [&str; 3] =
    ["GET /api/subscription/status", "GET /api/subscription/plans", "GET /api/queue/status"];

/// Measures, prints a table, and writes `memory.json`; with `figures` also
/// `dev/bench/figures.json`. Memory has no budget, so the result is always `true`.
pub(crate) async fn run(suite: &Suite, mode: Mode, figures: bool) -> Result<bool> {
    cpu_quota::clear();
    let environment = crate::start(suite, Benchmark::Memory, &crate::requests::VARIABLES).await?;
    environment.start_worker().await?;
    let mut requests = bench_request::all(&environment, mode).await?;
    requests.retain(|request| !EXCLUDED.contains(&request.name));
    // From here on only the benchmark invokes the worker.
    event_source_mapping::stop(&environment.home).await?;
    // The sweep is measured first, before the other requests leave work for it.
    requests.insert(0, BenchRequest::sweep());
    let root = suite.home.root();
    let (template, prices) = (Template::read(root)?, Prices::read(root)?);
    let is_limited = cpu_quota::CpuQuota::create(SIZES[0]).is_some();
    if !is_limited {
        info("control groups cannot be created: durations under a CPU quota are estimated");
    }
    let (mut results, mut rows) = (Vec::new(), Vec::new());
    for request in requests {
        print(format_args!("  {}\n", request.name));
        let deployed = template.memory(&request.function).unwrap_or(128);
        let mut megabytes = mode.of(vec![SIZES[0]], SIZES.to_vec());
        megabytes.push(deployed);
        megabytes.sort_unstable();
        megabytes.dedup();
        let mut sizes = Vec::new();
        for megabytes in megabytes {
            sizes.push(measure::measure(&environment, &request, megabytes, mode).await?);
        }
        let result = RequestResult { name: request.name, deployed, sizes };
        rows.extend(result.rows(&prices)?);
        results.push(result);
    }
    print(markdown(&rows));
    let build = if suite.programs.ends_with("release") { "release" } else { "debug" };
    let measured = report::figures(build, &results);
    let json = json!({
        "build": build, "is_limited": is_limited, "sizes": json(&rows), "deployed": measured.requests,
    });
    write_json(&suite.home, "memory.json", &json)?;
    if figures {
        info(measured.write(root)?.display());
    }
    Ok(true)
}
