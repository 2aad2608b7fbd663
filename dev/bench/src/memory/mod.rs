//! `cargo dev bench memory`: duration and cost of each request at each Lambda memory size.
//!
//! Lambda grants CPU time in proportion to memory and bills duration times memory, so less memory is cheaper until the duration
//! grows by more than the memory shrinks. Functions run under the CPU quota of their memory ([`crate::cpu_quota`]), with network
//! delay to their dependencies, because they mostly wait. As in Lambda, the init phase has a whole vCPU at every size.

mod measure;
mod report;

use anyhow::Result;
use harness::Suite;
use stack::progress::{info, print};
use stack::services::event_source_mapping;
use stack::template::Template;

use self::report::MemoryReport;
use crate::bench_request::{self, BenchRequest};
use crate::{Benchmark, Mode, cpu_quota};

/// The measured sizes in MB.
const SIZES: [u64; 5] = [128, 256, 512, 1024, 1769];

/// Requests outside the workload of the cost model, which are not measured.
const EXCLUDED: [&str; 3] =
    ["GET /api/subscription/status", "GET /api/subscription/plans", "GET /api/queue/status"];

/// Measures, prints a table, and writes `memory.json`; with `figures` also `dev/bench/figures.json`. Memory has no budget, so the
/// result is always `true`.
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
    let template = Template::read(suite.home.root())?;
    let is_limited = cpu_quota::CpuQuota::create(SIZES[0]).is_some();
    if !is_limited {
        info("control groups cannot be created: durations under a CPU quota are estimated");
    }
    let mut report = MemoryReport::new(suite, is_limited)?;
    for request in requests {
        print(format_args!("  {}\n", request.name));
        let deployed = template.memory(&request.function).unwrap_or(128);
        let mut sizes = mode.of(vec![SIZES[0]], SIZES.to_vec());
        sizes.push(deployed);
        sizes.sort_unstable();
        sizes.dedup();
        report.add(measure::measure(&environment, request, deployed, &sizes, mode).await?);
    }
    print(report.markdown());
    report.write(&suite.home)?;
    if figures {
        let path = report.figures().write(suite.home.root())?;
        info(path.display());
    }
    Ok(true)
}
