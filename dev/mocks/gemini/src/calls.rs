//! The log of calls to Gemini's API.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use super::request::{Method, ModelRequest};

/// The number of calls that are logged in full; all calls are counted.
const MAX_CALLS: usize = 1_000;

const MAX_TEXT: usize = 2_000;

#[derive(Debug, Serialize)]
struct Call {
    #[serde(skip)]
    id: u64,
    /// Counts from 1 since the log was cleared.
    number: u64,
    at: String,
    method: &'static str,
    model: String,
    turns: usize,
    last_user_text: String,
    system_instruction: Option<String>,
    step: Option<String>,
    /// The header `traceparent`.
    traceparent: Option<String>,
    /// The status of the response; `None` before it, and if the caller disconnected before it.
    status: Option<u16>,
    /// When each piece of the response was sent.
    #[serde(skip)]
    sent_at: Vec<Instant>,
    /// When the response was sent to its end.
    completed_at: Option<String>,
    /// When the caller closed the connection before that.
    disconnected_at: Option<String>,
}

#[derive(Debug, Default, Serialize)]
pub struct CallLog {
    pub count: u64,
    calls: VecDeque<Call>,
    #[serde(skip)]
    times: HashMap<String, Vec<DateTime<Utc>>>,
    /// The id of the latest call. It survives clearing, so that an id never names two calls.
    #[serde(skip)]
    last_id: u64,
}

impl CallLog {
    pub fn begin(
        &mut self,
        now: DateTime<Utc>,
        method: Method,
        model: &str,
        request: &ModelRequest,
        step: Option<String>,
        traceparent: Option<String>,
    ) -> u64 {
        self.count += 1;
        self.last_id += 1;
        self.times.entry(request.last_user_text().to_owned()).or_default().push(now);
        if self.calls.len() >= MAX_CALLS {
            self.calls.pop_front();
        }
        self.calls.push_back(Call {
            id: self.last_id,
            number: self.count,
            at: text(now),
            method: method.name(),
            model: cut(model),
            turns: request.turns.len(),
            last_user_text: cut(request.last_user_text()),
            system_instruction: request.system_instruction.as_deref().map(cut),
            step,
            traceparent,
            status: None,
            sent_at: Vec::new(),
            completed_at: None,
            disconnected_at: None,
        });
        self.last_id
    }

    pub fn finish(&mut self, id: u64, status: u16) {
        if let Some(call) = self.find(id) {
            call.status = Some(status);
        }
    }

    pub fn send(&mut self, id: u64) {
        if let Some(call) = self.find(id) {
            call.sent_at.push(Instant::now());
        }
    }

    pub fn end(&mut self, id: u64, is_complete: bool, now: DateTime<Utc>) {
        if let Some(call) = self.find(id) {
            let end = if is_complete { &mut call.completed_at } else { &mut call.disconnected_at };
            *end = Some(text(now));
        }
    }

    fn find(&mut self, id: u64) -> Option<&mut Call> {
        self.calls.iter_mut().rev().find(|call| call.id == id)
    }

    pub fn times_of(&self, text: &str) -> &[DateTime<Utc>] {
        self.times.get(text).map_or(&[], Vec::as_slice)
    }

    pub fn sent_at(&self, text: &str) -> Vec<Instant> {
        let call = self.calls.iter().rev().find(|call| call.last_user_text == text);
        call.map(|call| call.sent_at.clone()).unwrap_or_default()
    }

    pub fn disconnects_of(&self, text: &str) -> usize {
        let calls = self.calls.iter().filter(|call| call.last_user_text == text);
        calls.filter(|call| call.disconnected_at.is_some()).count()
    }

    pub fn clear(&mut self) {
        *self = Self { last_id: self.last_id, ..Self::default() };
    }
}

fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(log: &mut CallLog, model: &str) -> u64 {
        log.begin(DateTime::UNIX_EPOCH, Method::Generate, model, &ModelRequest::default(), None, None)
    }

    #[test]
    fn log_is_bounded_and_the_count_is_not() {
        let mut log = CallLog::default();
        for _ in 0..MAX_CALLS + 5 {
            let id = begin(&mut log, &"m".repeat(MAX_TEXT + 1));
            log.finish(id, 200);
        }
        assert_eq!((log.count, log.calls.len()), (1_005, MAX_CALLS));
        assert_eq!((log.calls[0].number, log.calls[0].model.len()), (6, MAX_TEXT));
    }

    #[test]
    fn response_to_a_cleared_call_is_not_logged() {
        let mut log = CallLog::default();
        let cleared = begin(&mut log, "m");
        log.clear();
        begin(&mut log, "m");
        log.finish(cleared, 200);
        assert_eq!((log.count, log.calls[0].status), (1, None));
    }
}
