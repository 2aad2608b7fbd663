//! What came of a burst: read off the database, and off what Gemini was asked.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Result;
use chrono::{DateTime, Utc};
use harness::SentMessage;
use harness::TestEnvironment;
use uuid::Uuid;

use super::ideal::Ideal;
use super::usage::Usage;
use crate::sample::Sample;

/// What came of a burst.
pub(super) struct Outcome {
    pub(super) ideal: Ideal,
    /// When the last answer was about to be stored, from when the pump was started.
    pub(super) makespan: Duration,
    /// From when the pump was started until Gemini was asked, of each message.
    pub(super) waits: Sample,
    /// From when Gemini was asked until its answer was about to be stored, of each message, beyond what Gemini takes.
    pub(super) after: Sample,
    /// How long each invocation took beyond what Gemini takes.
    pub(super) beyond: Sample,
    pub(super) usage: Usage,
    /// Messages that have just one answer.
    pub(super) answered_once: usize,
    /// Calls to Gemini.
    pub(super) calls: u64,
}

impl Outcome {
    /// What came of the messages `sent`, for which the pump was started at `begun`; with the calls to Gemini, how long the
    /// invocations took, and what was used.
    pub(super) async fn read(
        world: &TestEnvironment,
        sent: &[SentMessage],
        ideal: Ideal,
        begun: DateTime<Utc>,
        (calls, invocations, usage): (u64, Vec<Duration>, Usage),
    ) -> Result<Self> {
        const SQL: &str =
            "SELECT reply_to, max(created_at), count(*) FROM messages WHERE reply_to = ANY($1) GROUP BY 1";
        let ids: Vec<Uuid> = sent.iter().map(|message| message.id).collect();
        let answers = world.db.query(SQL, &[&ids]).await?;
        let stored: HashMap<Uuid, DateTime<Utc>> =
            answers.iter().map(|row| (row.get(0), row.get(1))).collect();
        let answered_once = answers.iter().filter(|row| row.get::<_, i64>(2) == 1).count();
        let between = |start: DateTime<Utc>, end: DateTime<Utc>| (end - start).to_std().unwrap_or_default();
        let (mut waits, mut after, mut beyond) = (Sample::default(), Sample::default(), Sample::default());
        for message in sent {
            let Some(asked) = world.gemini.first_call_at(&message.text) else { continue };
            waits.push(between(begun, asked));
            if let Some(stored) = stored.get(&message.id) {
                after.push(between(asked, *stored).saturating_sub(ideal.latency));
            }
        }
        for took in invocations {
            beyond.push(took.saturating_sub(ideal.latency));
        }
        let makespan = stored.values().max().map_or(Duration::ZERO, |last| between(begun, *last));
        Ok(Self { ideal, makespan, waits, after, beyond, usage, answered_once, calls })
    }

    /// By how much it took longer than it must.
    pub(super) fn ratio(&self) -> f64 {
        self.makespan.as_secs_f64() / self.ideal.makespan().as_secs_f64()
    }

    /// What passed between one call and the next that could be made in its place, beyond what Gemini takes.
    pub(super) fn share_beyond(&self) -> Duration {
        let rounds = self.ideal.messages.div_ceil(self.ideal.at_once());
        let each = self.makespan / u32::try_from(rounds).unwrap_or(u32::MAX);
        each.saturating_sub(self.ideal.latency)
    }

    /// What of the counts is not as it should be, if anything is.
    pub(super) fn wrong(&self) -> Option<String> {
        let messages = self.ideal.messages;
        let is_right = self.answered_once == messages && usize::try_from(self.calls) == Ok(messages);
        let Self { answered_once, calls, .. } = self;
        (!is_right).then(|| {
            format!("{messages} messages, {answered_once} of them answered once, {calls} calls to Gemini")
        })
    }
}
