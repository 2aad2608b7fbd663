//! Measures one request at each memory size.

use std::time::Duration;

use anyhow::Result;
use harness::{InstrumentedInstance, TestEnvironment, processes};
use serde_json::Value;
use stack::functions::WORKER;
use tokio::time::sleep;

use crate::bench_request::BenchRequest;
use crate::counters::Counters;
use crate::cpu_quota::{CpuQuota, PERIOD, estimate_duration};
use crate::io_counters::IoCounters;
use crate::sample::Sample;
use crate::{Mode, NETWORK_DELAY};

/// Measurements at one memory size.
#[derive(Default)]
pub(super) struct SizeResult {
    pub(super) megabytes: u64,
    pub(super) warm: Sample,
    /// From the start of a process until it polls for an invocation: with a whole vCPU, and under the quota.
    pub(super) init: Sample,
    pub(super) init_limited: Sample,
    /// The first request of a process, under the quota.
    pub(super) first_request: Sample,
    /// Peak resident memory, in bytes.
    pub(super) peak: u64,
    /// CPU time, counts and response size of one warm request.
    pub(super) cpu: Duration,
    pub(super) counters: Counters,
    pub(super) response_bytes: usize,
}

/// Measurements of one request.
pub(super) struct RequestResult {
    pub(super) name: &'static str,
    pub(super) function: String,
    /// The memory size in the template.
    pub(super) deployed: u64,
    pub(super) sizes: Vec<SizeResult>,
}

/// Measures `request` at each of `sizes`, in MB.
pub(super) async fn measure(
    environment: &TestEnvironment,
    request: BenchRequest,
    deployed: u64,
    sizes: &[u64],
    mode: Mode,
) -> Result<RequestResult> {
    let warm_requests = mode.of(5, if request.function == WORKER { 40 } else { 100 });
    let mut results = Vec::new();
    for &megabytes in sizes {
        let quota = CpuQuota::create(megabytes);
        let run = Run { environment, request: &request, megabytes, quota: quota.as_ref() };
        let mut result = SizeResult { megabytes, ..SizeResult::default() };
        run.measure_cold_starts(mode.of(1, 8), &mut result).await?;
        run.measure_warm(mode.of(2, 5), warm_requests, &mut result).await?;
        results.push(result);
    }
    let (name, function) = (request.name, request.function);
    Ok(RequestResult { name, function, deployed, sizes: results })
}

/// A request at one memory size.
struct Run<'a> {
    environment: &'a TestEnvironment,
    request: &'a BenchRequest,
    megabytes: u64,
    /// `None` if durations under the quota are estimated.
    quota: Option<&'a CpuQuota>,
}

/// One response.
struct Response {
    took: Duration,
    cpu: Duration,
    bytes: usize,
    io: Counters,
}

impl Run<'_> {
    async fn measure_cold_starts(&self, times: usize, result: &mut SizeResult) -> Result<()> {
        for _ in 0..times {
            let instance = InstrumentedInstance::start(self.environment, &self.request.function).await?;
            let init = instance.ready().await?;
            result.init.push(init);
            if self.quota.is_none() {
                let cpu = processes::cpu(instance.pid())?;
                result.init_limited.push(estimate_duration(init, cpu, self.megabytes));
            }
            result.first_request.push(self.send(&instance).await?.took);
            instance.kill().await;
            if let Some(quota) = self.quota {
                let instance = InstrumentedInstance::start_under(
                    self.environment,
                    &self.request.function,
                    &quota.command_prefix(),
                )
                .await?;
                result.init_limited.push(instance.ready_after_stop().await?);
                instance.kill().await;
            }
        }
        Ok(())
    }

    async fn measure_warm(&self, warm_up: usize, times: usize, result: &mut SizeResult) -> Result<()> {
        let instance = InstrumentedInstance::start(self.environment, &self.request.function).await?;
        instance.ready().await?;
        for _ in 0..warm_up {
            self.send(&instance).await?;
        }
        let before = Counters::of(instance.counts())?;
        for _ in 0..times {
            let response = self.send(&instance).await?;
            result.warm.push(response.took);
            result.cpu += response.cpu;
            result.counters.add(&response.io);
            result.response_bytes = response.bytes;
        }
        result.counters.add(&Counters::of(instance.counts())?.since(&before));
        result.counters = std::mem::take(&mut result.counters).per(times);
        result.cpu /= u32::try_from(times)?;
        result.peak = processes::peak(instance.pid())?;
        instance.kill().await;
        Ok(())
    }

    /// Sends the request once to a process under the quota, with network delay.
    async fn send(&self, instance: &InstrumentedInstance) -> Result<Response> {
        instance.set_delay(NETWORK_DELAY);
        if let Some(quota) = self.quota {
            quota.apply(instance.pid())?;
        }
        let event = self.request.event()?;
        // The request must find an unused quota, because requests in production rarely follow each other at once.
        sleep(PERIOD).await;
        let io = IoCounters::read(self.environment, &self.request.function).await?;
        let cpu = processes::cpu(instance.pid())?;
        let (took, response) = self.request.send_event(instance, event).await?;
        let cpu = processes::cpu(instance.pid())?.saturating_sub(cpu);
        let took = if self.quota.is_some() { took } else { estimate_duration(took, cpu, self.megabytes) };
        // Functions write their log before they respond.
        let io = IoCounters::read(self.environment, &self.request.function).await?.since(&io);
        Ok(Response { took, cpu, bytes: response_bytes(&response), io })
    }
}

/// The size of an HTTP response, including its headers.
fn response_bytes(response: &Value) -> usize {
    const SEPARATORS: usize = ": \r\n".len();
    let headers = response["headers"].as_object().into_iter().flatten();
    let headers = headers.map(|(name, value)| name.len() + value.as_str().map_or(0, str::len) + SEPARATORS);
    headers.sum::<usize>() + response["body"].as_str().map_or(0, str::len)
}
