//! One line of a log.

use std::fmt::Write as _;

use chrono::{DateTime, NaiveDateTime, Utc};
use clap::ValueEnum;
use serde_json::{Map, Value};

/// Fields that every entry has, or that say nothing to a reader.
const COMMON_FIELDS: [&str; 5] = ["timestamp", "level", "message", "target", "spans"];
/// Fields of spans that repeat the name of the function, the span, or the request.
const COMMON_SPAN_FIELDS: [&str; 3] = ["service", "name", "requestId"];
/// The ids that a path shows once.
const PATH_IDS: [&str; 2] = ["message.id", "generation.id"];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) time: Option<DateTime<Utc>>,
    /// `None` for lines that are no JSON, such as those of a panic or of Postgres.
    pub(super) level: Option<Level>,
    /// The line as it is in the file.
    pub(super) line: String,
    source: String,
    fields: Option<Map<String, Value>>,
}

impl Entry {
    /// Parses a line of the log of `source`. A line without a time gets the `previous` one.
    pub(super) fn parse(source: &str, line: String, previous: Option<DateTime<Utc>>) -> Self {
        let fields = serde_json::from_str::<Map<String, Value>>(&line).ok();
        let text = |name: &str| fields.as_ref()?.get(name)?.as_str();
        let time = match &fields {
            Some(_) => text("timestamp").and_then(|time| time.parse().ok()),
            None => plain_time(&line),
        };
        let level = text("level").and_then(|level| Level::from_str(level, true).ok());
        Self { time: time.or(previous), level, source: source.to_owned(), fields, line }
    }

    /// Whether any field has the value `id`, or the text of a line without fields contains it.
    pub(super) fn names_id(&self, id: &str) -> bool {
        match &self.fields {
            Some(fields) => fields.values().any(|value| has_value(value, id)),
            None => self.line.contains(id),
        }
    }

    /// The texts in the fields called `names`, of the entry and of its spans.
    pub(super) fn values<'a>(&'a self, names: &'a [&str]) -> impl Iterator<Item = &'a str> {
        let spans = self.fields.iter().filter_map(|fields| fields.get("spans")?.as_array());
        let spans = spans.flatten().filter_map(Value::as_object);
        let all = self.fields.iter().chain(spans);
        all.flat_map(move |fields| names.iter().filter_map(move |name| fields.get(*name)?.as_str()))
    }

    /// The time, the time since `start`, the source, the message and the entry's own fields but its ids.
    pub(super) fn step(&self, start: Option<DateTime<Utc>>) -> String {
        let time = self.time.map_or_else(String::new, |time| time.format("%m-%d %H:%M:%S%.3f").to_string());
        let since = self.time.zip(start).map_or(0.0, |(time, start)| (time - start).as_seconds_f64());
        let fields = self.fields.iter().flatten();
        let own = fields.filter(|(name, _)| {
            !COMMON_FIELDS.contains(&name.as_str()) && !PATH_IDS.contains(&name.as_str())
        });
        let mut line = format!("{time:<18} {since:>+9.3} s  {:<12} {}", self.source, self.message());
        for (name, value) in own {
            // Cannot fail: it writes into memory.
            let _ = write!(line, "  {name}={}", shown(value));
        }
        line
    }

    fn message(&self) -> &str {
        let message = self.fields.as_ref().and_then(|fields| fields.get("message")?.as_str());
        message.unwrap_or_default()
    }

    /// The time, the level, the source, the message and the fields.
    pub(super) fn readable(&self, is_coloured: bool) -> String {
        let time = self.time.map_or_else(String::new, |time| time.format("%m-%d %H:%M:%S%.3f").to_string());
        let level = self.level.map_or_else(String::new, |level| format!("{level:?}").to_uppercase());
        let colour = match self.level {
            Some(Level::Error) => "31",
            Some(Level::Warn) => "33",
            Some(Level::Info) => "32",
            _ => "2",
        };
        let level = paint(&format!("{level:<5}"), colour, is_coloured);
        let time = paint(&format!("{time:<18}"), "2", is_coloured);
        let mut line = format!("{time} {level} {:<12} ", self.source);
        match &self.fields {
            None => line.push_str(&self.line),
            Some(fields) => {
                line.push_str(self.message());
                for (name, value) in details(fields) {
                    let name = paint(&format!("{name}="), "2", is_coloured);
                    // Cannot fail: it writes into memory.
                    let _ = write!(line, "  {name}{}", shown(value));
                }
            }
        }
        line
    }
}

/// The fields of an entry and of its spans, the outermost span first. A field that spans repeat is shown
/// once.
fn details(fields: &Map<String, Value>) -> Vec<(&str, &Value)> {
    let own = fields.iter().filter(|(name, _)| !COMMON_FIELDS.contains(&name.as_str()));
    let spans = fields.get("spans").and_then(Value::as_array).into_iter().flatten();
    let of_spans = spans
        .filter_map(Value::as_object)
        .flatten()
        .filter(|(name, _)| !COMMON_SPAN_FIELDS.contains(&name.as_str()));
    let mut shown: Vec<(&str, &Value)> = Vec::new();
    for (name, value) in own.chain(of_spans) {
        if !shown.contains(&(name.as_str(), value)) {
            shown.push((name, value));
        }
    }
    shown
}

/// A value without quotes if it is one word.
fn shown(value: &Value) -> String {
    match value.as_str() {
        Some(text) if !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c == '"') => {
            text.to_owned()
        }
        _ => value.to_string(),
    }
}

fn has_value(value: &Value, id: &str) -> bool {
    match value {
        Value::String(text) => text == id,
        Value::Array(elements) => elements.iter().any(|element| has_value(element, id)),
        Value::Object(fields) => fields.values().any(|value| has_value(value, id)),
        _ => false,
    }
}

/// The time at the beginning of a line of Postgres or of the AWS emulator.
fn plain_time(line: &str) -> Option<DateTime<Utc>> {
    ["%Y-%m-%d %H:%M:%S%.3f", "%Y-%m-%d %H:%M:%S"].iter().find_map(|format| {
        NaiveDateTime::parse_and_remainder(line, format).ok().map(|(time, _)| time.and_utc())
    })
}

fn paint(text: &str, colour: &str, is_coloured: bool) -> String {
    if is_coloured { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWERED: &str = r#"{"timestamp":"2026-11-26T13:14:20.540295Z","level":"INFO","message":"answered",
        "status":200,"note":"two words","target":"web","spans":[{"service":"auth","name":"function"},
        {"requestId":"r-1","name":"Lambda runtime invoke"},{"request_id":"r-1","route":"/health","name":"request"}]}"#;

    fn parse(line: &str) -> Entry {
        Entry::parse("auth", line.replace('\n', ""), Some("2026-11-26T10:00:00Z".parse().unwrap()))
    }

    #[test]
    fn entry_is_one_readable_line() {
        assert_eq!(
            parse(ANSWERED).readable(false),
            "11-26 13:14:20.540 INFO  auth         answered  note=\"two words\"  status=200  request_id=r-1  route=/health"
        );
        let coloured = parse(ANSWERED).readable(true);
        assert!(coloured.contains("\x1b[32mINFO \x1b[0m") && coloured.contains("\x1b[2mstatus=\x1b[0m200"));
    }

    #[test]
    fn line_that_is_no_json_is_kept_with_the_time_before_it() {
        let panic = parse("thread 'main' panicked at src/main.rs:5:9:");
        assert_eq!(
            panic.readable(false),
            "11-26 10:00:00.000       auth         thread 'main' panicked at src/main.rs:5:9:"
        );
        let times = [
            ("2026-11-26 13:14:17.393 UTC [8379] LOG:  starting", "2026-11-26T13:14:17.393Z"),
            ("2026-11-26 13:14:18 WARNING [kms]", "2026-11-26T13:14:18Z"),
            ("{\"timestamp\":\"soon\"}", "2026-11-26T10:00:00Z"),
            ("[1, 2]", "2026-11-26T10:00:00Z"),
            ("", "2026-11-26T10:00:00Z"),
        ];
        for (line, time) in times {
            assert_eq!(parse(line).time, Some(time.parse().unwrap()), "{line}");
        }
    }

    #[test]
    fn ids_are_found_in_fields_and_spans() {
        let entry = parse(ANSWERED);
        assert!(entry.names_id("r-1") && entry.names_id("/health"));
        assert!(!entry.names_id("r-") && !entry.names_id("request_id"));
        assert!(parse("request r-1 failed").names_id("r-1"));
    }
}
