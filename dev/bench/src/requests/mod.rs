//! `cargo dev bench requests`: cold starts, and time, CPU, memory and round trips of each request.

mod baselines;
mod budgets;
mod chart;
mod instructions;
mod results;

use anyhow::{Context as _, Result};
use harness::{InstrumentedInstance, Suite, TestEnvironment, processes};
use serde_json::json;
use stack::progress::{info, print};

use self::baselines::Baselines;
use self::budgets::{Budgets, SEQUENTIAL_ROUND_TRIPS, THOUSAND_INSTRUCTIONS};
use self::instructions::InstructionCounter;
use self::results::{ColdStart, RequestResult};
use crate::bench_request::{self, BenchRequest};
use crate::counters::Counters;
use crate::sample::Sample;
use crate::{Benchmark, Mode, NETWORK_DELAY, programs, report};

/// Variables of the functions: a daily limit that the benchmark does not reach.
pub(crate) const VARIABLES: [(&str, &str); 1] = [("PRO_DAILY_MESSAGE_LIMIT", "1000000")];

/// Measures, prints tables, writes `requests.json` and `requests.svg`, and returns whether all budgets are met.
pub(crate) async fn run(suite: &Suite, mode: Mode) -> Result<bool> {
    let home = &suite.home;
    let environment = crate::start(suite, Benchmark::Requests, &VARIABLES).await?;
    environment.start_worker().await?;
    let names = programs::names(home.root())?;
    let sizes = programs::sizes(&suite.programs, &names);
    let (mut counter, mut cold_starts, mut baselines) = (None, Vec::new(), Baselines::default());
    if mode == Mode::Full {
        counter = InstructionCounter::find(&environment)?;
        if counter.is_none() {
            info("valgrind is not installed: instructions are not counted");
        }
        cold_starts = measure_cold_starts(&environment, &names, counter.as_ref()).await?;
        baselines = baselines::measure(&environment).await?;
    }
    let mut results = Vec::new();
    for request in bench_request::all(&environment, mode).await? {
        print(format_args!("  {}\n", request.name));
        results.push(measure(&environment, &request, mode, counter.as_ref(), &baselines).await?);
    }
    let cold_starts = results::cold_start_rows(&cold_starts, &sizes);
    let requests: Vec<_> = results.iter().map(RequestResult::row).collect();
    for rows in [&cold_starts, &baselines.rows(), &requests] {
        print(report::markdown(rows));
    }
    if mode == Mode::Full {
        let json = json!({
            "cold_starts": report::json(&cold_starts), "baselines": report::json(&baselines.rows()),
            "requests": report::json(&requests),
        });
        report::write(home, "requests.json", &format!("{json:#}\n"))?;
        report::write(home, "requests.svg", &chart::draw(&results))?;
    }
    let budgets = Budgets::read(home.root())?;
    let mut exceeded = Vec::new();
    for result in &results {
        exceeded.extend(budgets.check_request(result.name, &result.counts)?);
    }
    if mode == Mode::Full {
        exceeded.extend(budgets.check_sizes(&sizes)?);
    }
    for line in &exceeded {
        print(format_args!("  over budget: {line}\n"));
    }
    Ok(exceeded.is_empty())
}

/// Starts each program several times, the baseline in turn with the functions.
async fn measure_cold_starts(
    environment: &TestEnvironment,
    programs: &[String],
    counter: Option<&InstructionCounter>,
) -> Result<Vec<ColdStart>> {
    const REPETITIONS: usize = 20;
    let mut results: Vec<ColdStart> = programs.iter().map(|program| ColdStart::of(program)).collect();
    for _ in 0..REPETITIONS {
        for result in &mut results {
            let instance = environment.lambda.instance(&result.program, &[])?;
            result.init.push(instance.ready().await.with_context(|| result.program.clone())?);
            result.memory = result.memory.max(processes::resident(instance.handle().pid)?);
            instance.kill().await;
        }
    }
    if let Some(counter) = counter {
        for result in &mut results {
            result.instructions = Some(counter.count_init(environment, &result.program).await?);
        }
    }
    Ok(results)
}

async fn measure(
    environment: &TestEnvironment,
    request: &BenchRequest,
    mode: Mode,
    counter: Option<&InstructionCounter>,
    baselines: &Baselines,
) -> Result<RequestResult> {
    let [first_requests, warm_up, warm_requests, delayed_requests] =
        mode.of([0, 3, 20, 0], [10, 20, 300, 40]);
    let mut first = Sample::default();
    for _ in 0..first_requests {
        let instance = InstrumentedInstance::start(environment, &request.function).await?;
        let started = instance.started();
        request.send(&instance).await?;
        first.push(started.elapsed());
    }
    let instance = InstrumentedInstance::start(environment, &request.function).await?;
    // Opens connections, prepares statements and fills caches.
    send_repeatedly(request, &instance, warm_up).await?;
    let (counts, cpu) = (Counters::of(instance.counts())?, processes::cpu(instance.pid())?);
    let warm = send_repeatedly(request, &instance, warm_requests).await?;
    let mut counts = Counters::of(instance.counts())?.since(&counts).per(warm_requests);
    let cpu = processes::cpu(instance.pid())?.saturating_sub(cpu) / u32::try_from(warm_requests)?;
    let memory = processes::resident(instance.pid())?;
    instance.set_delay(NETWORK_DELAY);
    let delayed = send_repeatedly(request, &instance, delayed_requests).await?;
    if let Some(count) = baselines.sequential_round_trips(&warm, &delayed) {
        counts.add(&Counters::from([(SEQUENTIAL_ROUND_TRIPS, count)]));
    }
    if let Some(counter) = counter {
        let instructions = counter.count_request(environment, request).await?;
        counts.add(&Counters::from([(THOUSAND_INSTRUCTIONS, instructions)]));
    }
    Ok(RequestResult { name: request.name, first, warm, delayed, counts, cpu, memory })
}

async fn send_repeatedly(
    request: &BenchRequest,
    instance: &InstrumentedInstance,
    times: usize,
) -> Result<Sample> {
    let mut sample = Sample::default();
    for _ in 0..times {
        sample.push(request.send(instance).await?);
    }
    Ok(sample)
}
