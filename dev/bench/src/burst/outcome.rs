//! The outcome of a burst, read from Postgres and mock Gemini, and the CPU time by process.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use harness::{SentMessage, TestEnvironment, processes};
use stack::state::State;
use stack::{functions, services::names};
use uuid::Uuid;

use super::ideal_schedule::IdealSchedule;
use crate::counters::Counters;
use crate::report::Row;
use crate::sample::{Sample, ratio};

/// CPU time outside the benchmark.
const ELSEWHERE: &str = "other processes, CPU s";
const IDLE: &str = "idle, CPU s";

pub(super) struct BurstOutcome {
    pub(super) schedule: Row,
    pub(super) cpu: Row,
    /// Set unless each message was sent to Gemini and answered exactly once.
    pub(super) error: Option<String>,
}

/// Reads what happened to the `sent` messages after the event source mapping was started at
/// `begun`.
pub(super) async fn read(
    environment: &TestEnvironment,
    sent: &[SentMessage],
    ideal: IdealSchedule,
    begun: DateTime<Utc>,
    (gemini_calls, invocations, cpu): (u64, Vec<Duration>, Counters),
) -> Result<BurstOutcome> {
    const SQL: &str =
        "SELECT reply_to, max(created_at), count(*) FROM messages WHERE reply_to = ANY($1) GROUP BY 1";
    let ids: Vec<Uuid> = sent.iter().map(|message| message.id).collect();
    let answers = environment.db.query(SQL, &[&ids]).await?;
    let stored: HashMap<Uuid, DateTime<Utc>> = answers.iter().map(|row| (row.get(0), row.get(1))).collect();
    let answered_once = answers.iter().filter(|row| row.get::<_, i64>(2) == 1).count();
    let between = |start: DateTime<Utc>, end: DateTime<Utc>| (end - start).to_std().unwrap_or_default();
    // From the start of the event source mapping until the call to Gemini, and from then until the
    // answer was stored, without Gemini's latency.
    let (mut waits, mut after_call) = (Sample::default(), Sample::default());
    for message in sent {
        let Some(called) = environment.gemini.first_call_at(&message.text) else { continue };
        waits.push(between(begun, called));
        if let Some(stored) = stored.get(&message.id) {
            after_call.push(between(called, *stored).saturating_sub(ideal.latency));
        }
    }
    let overhead: Sample = invocations.into_iter().map(|took| took.saturating_sub(ideal.latency)).collect();
    let makespan = stored.values().max().map_or(Duration::ZERO, |last| between(begun, *last));
    // Between two calls to Gemini in the same place of the schedule, without Gemini's latency.
    let overhead_per_round = (makespan / ideal.rounds()).saturating_sub(ideal.latency);

    let row = Row::default().count("batch size", ideal.batch_size).ms("Gemini ms", ideal.latency);
    let ideal_waits = ideal.waits();
    let schedule = row
        .clone()
        .seconds("ideal s", ideal.makespan())
        .seconds("real s", makespan)
        .number("ratio", ratio(Some(makespan), Some(ideal.makespan())))
        .seconds("wait p50 s", waits.median())
        .seconds("ideal wait p50 s", ideal_waits.median())
        .seconds("wait p99 s", waits.percentile(99))
        .seconds("ideal wait p99 s", ideal_waits.percentile(99))
        .ms("overhead per round ms", overhead_per_round)
        .ms("after the call p50 ms", after_call.median())
        .ms("invocation overhead p50 ms", overhead.median())
        .ms("invocation overhead p99 ms", overhead.percentile(99))
        .count("answered once", answered_once)
        .count("Gemini calls", usize::try_from(gemini_calls)?);
    let total = cpu.0.values().sum::<f64>() - cpu.get(IDLE) - cpu.get(ELSEWHERE);
    let per_message = total * 1e3 / f64::from(u32::try_from(ideal.messages)?);
    let cpu = row.counters(&cpu).number("CPU ms per message", per_message);

    let is_complete = answered_once == sent.len() && usize::try_from(gemini_calls) == Ok(sent.len());
    let error = format!(
        "not every message was answered exactly once: {} messages, {answered_once} with one answer, \
         {gemini_calls} calls to Gemini",
        sent.len()
    );
    Ok(BurstOutcome { schedule, cpu, error: (!is_complete).then_some(error) })
}

/// CPU seconds of the processes of the stack, of all other processes, and unused.
pub(super) fn cpu_times(environment: &TestEnvironment) -> Result<Counters> {
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
