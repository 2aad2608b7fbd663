//! Measures one request at one memory size.

use std::time::Duration;

use anyhow::Result;
use cost::figures::RequestFigures;
use harness::{InstrumentedInstance, TestEnvironment, processes};
use serde_json::Value;
use stack::functions::WORKER;
use tokio::time::sleep;

use crate::bench_request::BenchRequest;
use crate::counters::Counters;
use crate::cpu_quota::{CpuQuota, PERIOD, estimate_duration};
use crate::io_counters::IoCounters;
use crate::report::rounded;
use crate::sample::{Sample, ms};
use crate::{Mode, NETWORK_DELAY};

pub(super) struct SizeResult {
    pub(super) figures: RequestFigures,
    pub(super) warm: Sample,
    /// From the start of a process until it polls for an invocation, under the quota.
    pub(super) init_limited: Sample,
    /// Peak resident memory, in bytes.
    pub(super) peak: u64,
}

pub(super) async fn measure(
    environment: &TestEnvironment,
    request: &BenchRequest,
    megabytes: u64,
    mode: Mode,
) -> Result<SizeResult> {
    let run = Run { environment, request, megabytes, quota: CpuQuota::create(megabytes) };
    let times = mode.of(5, if request.function == WORKER { 40 } else { 100 });
    let [init, init_limited, first_request] = run.measure_cold_starts(mode.of(1, 8)).await?;
    let instance = run.start(&[]).await?;
    instance.ready().await?;
    for _ in 0..mode.of(2, 5) {
        run.send(&instance).await?;
    }
    let (mut warm, mut cpu, mut response_bytes) = (Sample::default(), Duration::ZERO, 0);
    let (mut total, before) = (Counters::default(), Counters::of(instance.counts())?);
    for _ in 0..times {
        let response = run.send(&instance).await?;
        warm.push(response.took);
        cpu += response.cpu;
        total.add(&response.io);
        response_bytes = response.bytes;
    }
    total.add(&Counters::of(instance.counts())?.since(&before));
    let average = total.per(times);
    let count = |name| average.get(name);
    let median = |sample: &Sample| rounded(ms(sample.median().unwrap_or_default()));
    let figures = RequestFigures {
        function: request.function.clone(),
        memory_mb: megabytes,
        billed_ms: rounded(warm.billed_ms()),
        cpu_ms: rounded(ms(cpu / u32::try_from(times)?)),
        init_ms: median(&init),
        first_request_ms: median(&first_request),
        sql_statements: count("statements"),
        redis_commands: count("redis_commands"),
        redis_bytes: count("redis_bytes"),
        aws_calls: count("aws"),
        log_bytes: count("log_bytes"),
        log_lines: count("log_lines"),
        response_bytes: u32::try_from(response_bytes)?.into(),
    };
    let peak = processes::peak(instance.pid())?;
    instance.kill().await;
    Ok(SizeResult { figures, warm, init_limited, peak })
}

/// A request at one memory size.
struct Run<'a> {
    environment: &'a TestEnvironment,
    request: &'a BenchRequest,
    megabytes: u64,
    /// `None` if durations under the quota are estimated.
    quota: Option<CpuQuota>,
}

struct Response {
    took: Duration,
    cpu: Duration,
    bytes: usize,
    io: Counters,
}

impl Run<'_> {
    async fn start(&self, launcher: &[String]) -> Result<InstrumentedInstance> {
        InstrumentedInstance::start_under(self.environment, &self.request.function, launcher).await
    }

    /// The init time with a whole vCPU, the init time under the quota, and the duration of the
    /// first request under the quota.
    async fn measure_cold_starts(&self, times: usize) -> Result<[Sample; 3]> {
        let mut samples: [Sample; 3] = Default::default();
        let [init, init_limited, first_request] = &mut samples;
        for _ in 0..times {
            let instance = self.start(&[]).await?;
            let took = instance.ready().await?;
            init.push(took);
            if self.quota.is_none() {
                let cpu = processes::cpu(instance.pid())?;
                init_limited.push(estimate_duration(took, cpu, self.megabytes));
            }
            first_request.push(self.send(&instance).await?.took);
            instance.kill().await;
            if let Some(quota) = &self.quota {
                let instance = self.start(&quota.command_prefix()).await?;
                init_limited.push(instance.ready_after_stop().await?);
                instance.kill().await;
            }
        }
        Ok(samples)
    }

    /// Sends the request once to a process under the quota, with network delay.
    async fn send(&self, instance: &InstrumentedInstance) -> Result<Response> {
        instance.set_delay(NETWORK_DELAY);
        if let Some(quota) = &self.quota {
            quota.apply(instance.pid())?;
        }
        let event = self.request.event()?;
        // The request must find an unused quota, because requests in production rarely follow each
        // other at once.
        sleep(PERIOD).await;
        let io = IoCounters::read(self.environment, &self.request.function).await?;
        let cpu = processes::cpu(instance.pid())?;
        let (took, response) = self.request.send_event(instance, event).await?;
        let cpu = processes::cpu(instance.pid())?.saturating_sub(cpu);
        let took = if self.quota.is_some() { took } else { estimate_duration(took, cpu, self.megabytes) };
        // Functions write their log before they respond.
        let io = IoCounters::read(self.environment, &self.request.function).await?.since(&io);
        Ok(Response { took, cpu, bytes: size(&response), io })
    }
}

/// The size of an HTTP response, including its headers.
fn size(response: &Value) -> usize {
    const SEPARATORS: usize = ": \r\n".len();
    let headers = response["headers"].as_object().into_iter().flatten();
    let headers = headers.map(|(name, value)| name.len() + value.as_str().map_or(0, str::len) + SEPARATORS);
    headers.sum::<usize>() + response["body"].as_str().map_or(0, str::len)
}
