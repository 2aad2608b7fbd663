//! The outcome of a burst, read from Postgres and the mock Gemini.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Result;
use chrono::{DateTime, Utc};
use harness::{SentMessage, TestEnvironment};
use uuid::Uuid;

use super::cpu_time::{ELSEWHERE, IDLE};
use super::ideal_schedule::IdealSchedule;
use crate::counters::Counters;
use crate::report::Row;
use crate::sample::{Sample, ratio};

pub(super) struct BurstOutcome {
    ideal: IdealSchedule,
    /// From the start of the event source mapping until the last answer was stored.
    makespan: Duration,
    /// From the start of the event source mapping until the call to Gemini, per message.
    waits: Sample,
    /// From the call to Gemini until the answer was stored, without Gemini's latency, per message.
    after_call: Sample,
    /// The duration of each invocation, without Gemini's latency.
    overhead: Sample,
    /// CPU seconds by process.
    cpu: Counters,
    /// Messages with exactly one answer.
    answered_once: usize,
    gemini_calls: u64,
}

impl BurstOutcome {
    /// Reads what happened to the `sent` messages after the event source mapping was started at `begun`.
    pub(super) async fn read(
        environment: &TestEnvironment,
        sent: &[SentMessage],
        ideal: IdealSchedule,
        begun: DateTime<Utc>,
        (gemini_calls, invocations, cpu): (u64, Vec<Duration>, Counters),
    ) -> Result<Self> {
        const SQL: &str =
            "SELECT reply_to, max(created_at), count(*) FROM messages WHERE reply_to = ANY($1) GROUP BY 1";
        let ids: Vec<Uuid> = sent.iter().map(|message| message.id).collect();
        let answers = environment.db.query(SQL, &[&ids]).await?;
        let stored: HashMap<Uuid, DateTime<Utc>> =
            answers.iter().map(|row| (row.get(0), row.get(1))).collect();
        let answered_once = answers.iter().filter(|row| row.get::<_, i64>(2) == 1).count();
        let between = |start: DateTime<Utc>, end: DateTime<Utc>| (end - start).to_std().unwrap_or_default();
        let (mut waits, mut after_call) = (Sample::default(), Sample::default());
        for message in sent {
            let Some(called) = environment.gemini.first_call_at(&message.text) else { continue };
            waits.push(between(begun, called));
            if let Some(stored) = stored.get(&message.id) {
                after_call.push(between(called, *stored).saturating_sub(ideal.latency));
            }
        }
        let overhead = invocations.into_iter().map(|took| took.saturating_sub(ideal.latency)).collect();
        let makespan = stored.values().max().map_or(Duration::ZERO, |last| between(begun, *last));
        Ok(Self { ideal, makespan, waits, after_call, overhead, cpu, answered_once, gemini_calls })
    }

    /// What is wrong if not each message was sent to Gemini and answered exactly once.
    pub(super) fn error(&self) -> Option<String> {
        let Self { ideal: IdealSchedule { messages, .. }, answered_once, gemini_calls, .. } = self;
        let is_complete = answered_once == messages && usize::try_from(*gemini_calls) == Ok(*messages);
        let error = format!(
            "not every message was answered exactly once: {messages} messages, {answered_once} with one answer, \
             {gemini_calls} calls to Gemini"
        );
        (!is_complete).then_some(error)
    }

    /// The time between two calls to Gemini in the same place of the schedule, without Gemini's latency.
    fn overhead_per_round(&self) -> Duration {
        (self.makespan / self.ideal.rounds()).saturating_sub(self.ideal.latency)
    }

    fn row(&self) -> Row {
        Row::default().number("batch size", to_f64(self.ideal.batch_size)).ms("Gemini ms", self.ideal.latency)
    }

    pub(super) fn schedule_row(&self) -> Row {
        let (waits, ideal_waits) = (&self.waits, self.ideal.waits());
        let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
        self.row()
            .number("ideal s", seconds(Some(self.ideal.makespan())))
            .number("real s", seconds(Some(self.makespan)))
            .number("ratio", ratio(Some(self.makespan), Some(self.ideal.makespan())))
            .number("wait p50 s", seconds(waits.median()))
            .number("ideal wait p50 s", seconds(ideal_waits.median()))
            .number("wait p99 s", seconds(waits.percentile(99)))
            .number("ideal wait p99 s", seconds(ideal_waits.percentile(99)))
            .ms("overhead per round ms", self.overhead_per_round())
            .ms("after the call p50 ms", self.after_call.median())
            .ms("invocation overhead p50 ms", self.overhead.median())
            .ms("invocation overhead p99 ms", self.overhead.percentile(99))
            .number("answered once", to_f64(self.answered_once))
            .number("Gemini calls", usize::try_from(self.gemini_calls).ok().map(to_f64))
    }

    pub(super) fn cpu_row(&self) -> Row {
        let stack = |(name, _): &(&str, f64)| ![IDLE, ELSEWHERE].contains(name);
        let total: f64 = self.cpu.iter().filter(stack).map(|(_, seconds)| seconds).sum();
        self.row().counters(&self.cpu).number("CPU ms per message", total * 1e3 / to_f64(self.ideal.messages))
    }
}

fn to_f64(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::NAN, f64::from)
}
