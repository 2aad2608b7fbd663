//! CPU time by process.

use std::time::Duration;

use anyhow::{Context as _, Result};
use harness::{TestEnvironment, processes};
use stack::state::State;
use stack::{functions, services::names};

use crate::counters::Counters;

/// CPU time of processes outside the benchmark, and unused CPU time.
pub(super) const ELSEWHERE: &str = "other processes, CPU s";
pub(super) const IDLE: &str = "idle, CPU s";

/// CPU seconds of the processes of the stack, of all other processes, and unused.
pub(super) fn read(environment: &TestEnvironment) -> Result<Counters> {
    let state = State::load(&environment.home)?.context("the environment has no saved state")?;
    let service = |name: &str| {
        let family = state.service(name).map(|service| service.handle.tree()).unwrap_or_default();
        family.iter().map(|member| processes::total_cpu(member.pid)).sum::<Duration>()
    };
    let workers = environment.lambda.processes(functions::WORKER).into_iter().map(processes::total_cpu);
    let stack = [
        ("worker, CPU s", workers.sum()),
        ("Postgres, CPU s", service(names::POSTGRES)),
        ("Redis, CPU s", service(names::REDIS)),
        ("AWS emulator, CPU s", service(names::AWS)),
        ("event source mapping, CPU s", service(names::EVENT_SOURCE_MAPPING)),
        // The benchmark's own process contains the local Lambda, the mock Gemini and the proxies.
        ("local Lambda and mock Gemini, CPU s", processes::total_cpu(std::process::id())),
    ];
    let (busy, idle) = processes::work_and_rest()?;
    // The clocks of processes and CPUs differ slightly.
    let elsewhere = busy.saturating_sub(stack.iter().map(|(_, time)| *time).sum());
    let mut counters = Counters::from(stack.map(|(name, time)| (name, time.as_secs_f64())));
    counters.add(&Counters::from([(ELSEWHERE, elsewhere.as_secs_f64()), (IDLE, idle.as_secs_f64())]));
    Ok(counters)
}
