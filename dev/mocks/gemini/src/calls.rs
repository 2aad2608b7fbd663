//! What the stand-in was asked.

use std::collections::{HashMap, VecDeque};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use super::request::{Asked, Method};

/// So many calls are kept in full; all are counted.
const KEPT: usize = 1_000;

/// So much of each text is kept, in characters.
const TEXT_KEPT: usize = 2_000;

/// One call to the vendor's interface.
#[derive(Debug, Serialize)]
pub(super) struct Call {
    /// Counts from 1 since the start or the last clearing.
    number: u64,
    /// When it came, RFC 3339 in UTC.
    at: String,
    method: &'static str,
    model: String,
    /// How many turns the conversation had.
    turns: usize,
    last_user_text: String,
    system_instruction: Option<String>,
    /// The kind of the scripted step that it got, if one did.
    step: Option<&'static str>,
    /// The status answered; none while the answer is being prepared, and for ever if the caller left before.
    status: Option<u16>,
}

/// The calls since the start or the last clearing.
#[derive(Debug, Default, Serialize)]
pub(super) struct CallLog {
    count: u64,
    calls: VecDeque<Call>,
    /// When each text was to be answered, of all calls.
    #[serde(skip)]
    wanted: HashMap<String, Vec<DateTime<Utc>>>,
    /// Grows with each clearing, so that a call from before is not mistaken for one after.
    #[serde(skip)]
    era: u64,
}

/// Names a call in the log, to note its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct CallId {
    era: u64,
    number: u64,
}

impl CallLog {
    /// Notes that a call has come.
    pub(super) fn begin(
        &mut self,
        now: DateTime<Utc>,
        method: Method,
        model: &str,
        asked: &Asked,
        step: Option<&'static str>,
    ) -> CallId {
        self.count += 1;
        self.wanted.entry(asked.last_user_text().to_owned()).or_default().push(now);
        if self.calls.len() >= KEPT {
            self.calls.pop_front();
        }
        self.calls.push_back(Call {
            number: self.count,
            at: now.to_rfc3339_opts(SecondsFormat::Millis, true),
            method: method.name(),
            model: start_of(model),
            turns: asked.turns.len(),
            last_user_text: start_of(asked.last_user_text()),
            system_instruction: asked.system_instruction.as_deref().map(start_of),
            step,
            status: None,
        });
        CallId { era: self.era, number: self.count }
    }

    /// Notes what a call was answered.
    pub(super) fn finish(&mut self, id: CallId, status: u16) {
        let same_era = id.era == self.era;
        if let Some(call) = self.calls.iter_mut().rev().find(|call| same_era && call.number == id.number) {
            call.status = Some(status);
        }
    }

    /// When `text` was to be answered.
    pub(super) fn wanted(&self, text: &str) -> &[DateTime<Utc>] {
        self.wanted.get(text).map_or(&[], Vec::as_slice)
    }

    /// How many calls have come.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn clear(&mut self) {
        *self = Self { era: self.era + 1, ..Self::default() };
    }
}

fn start_of(text: &str) -> String {
    text.chars().take(TEXT_KEPT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_the_count_is_not() {
        let mut log = CallLog::default();
        for _ in 0..KEPT + 5 {
            let id = log.begin(
                DateTime::UNIX_EPOCH,
                Method::Generate,
                &"m".repeat(TEXT_KEPT + 1),
                &Asked::default(),
                None,
            );
            log.finish(id, 200);
        }
        assert_eq!((log.count, log.calls.len()), (1_005, KEPT));
        assert_eq!((log.calls[0].number, log.calls[0].model.len()), (6, TEXT_KEPT));
    }

    #[test]
    fn the_end_of_a_call_from_before_a_clearing_is_not_noted() {
        let mut log = CallLog::default();
        let before = log.begin(DateTime::UNIX_EPOCH, Method::Generate, "m", &Asked::default(), None);
        log.clear();
        log.begin(DateTime::UNIX_EPOCH, Method::Generate, "m", &Asked::default(), None);
        log.finish(before, 200);
        assert_eq!((log.count, log.calls[0].status), (1, None));
    }
}
