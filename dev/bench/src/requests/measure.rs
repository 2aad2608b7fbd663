//! Measures one request.

use anyhow::Result;
use harness::{InstrumentedInstance, TestEnvironment, processes};

use super::baselines::Baselines;
use super::instructions::InstructionCounter;
use crate::bench_request::BenchRequest;
use crate::budgets::{SEQUENTIAL_ROUND_TRIPS, THOUSAND_INSTRUCTIONS};
use crate::counters::Counters;
use crate::report::Row;
use crate::sample::Sample;
use crate::{Mode, NETWORK_DELAY};

pub(super) struct RequestResult {
    pub(super) name: &'static str,
    pub(super) warm: Sample,
    /// Warm, with network delay.
    pub(super) delayed: Sample,
    /// SQL statements, round trips by dependency, sequential round trips, and instructions, as far
    /// as they were measured.
    pub(super) counts: Counters,
    pub(super) row: Row,
}

pub(super) async fn measure(
    environment: &TestEnvironment,
    request: &BenchRequest,
    mode: Mode,
    counter: Option<&InstructionCounter<'_>>,
    baselines: &Baselines,
) -> Result<RequestResult> {
    let [first_requests, warm_up, warm_requests, delayed_requests] =
        mode.of([0, 3, 20, 0], [10, 20, 300, 40]);
    // From the start of the process until its first response.
    let mut first = Sample::default();
    for _ in 0..first_requests {
        let instance = InstrumentedInstance::start(environment, &request.function).await?;
        let started = instance.started();
        request.send(&instance, 1).await?;
        first.push(started.elapsed());
    }
    let instance = InstrumentedInstance::start(environment, &request.function).await?;
    // Opens connections, prepares statements and fills caches.
    request.send(&instance, warm_up).await?;
    let (counts, cpu) = (Counters::of(instance.counts())?, processes::cpu(instance.pid())?);
    let warm = request.send(&instance, warm_requests).await?;
    let mut counts = Counters::of(instance.counts())?.since(&counts).per(warm_requests);
    let cpu = processes::cpu(instance.pid())?.saturating_sub(cpu) / u32::try_from(warm_requests)?;
    let memory = processes::resident(instance.pid())?;
    instance.set_delay(NETWORK_DELAY);
    let delayed = request.send(&instance, delayed_requests).await?;
    if let Some(count) = baselines.sequential_round_trips(&warm, &delayed) {
        counts.add(&Counters::from([(SEQUENTIAL_ROUND_TRIPS, count)]));
    }
    if let Some(counter) = counter {
        let instructions = counter.count_request(request).await?;
        counts.add(&Counters::from([(THOUSAND_INSTRUCTIONS, instructions)]));
    }
    let row = Row::default()
        .text("request", request.name)
        .ms("first ms", first.median())
        .ms("p50 ms", warm.median())
        .ms("p90 ms", warm.percentile(90))
        .ms("p99 ms", warm.percentile(99))
        .ms("p50 delayed ms", delayed.median())
        .ms("CPU ms", cpu)
        .counters(&counts)
        .mb("memory MB", memory);
    Ok(RequestResult { name: request.name, warm, delayed, counts, row })
}
