//! Which entries `cargo dev logs` prints.

use chrono::{DateTime, TimeDelta, Utc};

use super::entry::{Entry, Level};

#[derive(Debug, Default)]
pub(super) struct Filter {
    pub(super) oldest: Option<DateTime<Utc>>,
    pub(super) level: Option<Level>,
}

impl Filter {
    pub(super) fn admits(&self, entry: &Entry) -> bool {
        let is_recent = self.oldest.is_none_or(|oldest| entry.time.is_none_or(|time| time >= oldest));
        let is_severe = self.level.is_none_or(|least| entry.level.is_none_or(|level| level >= least));
        is_recent && is_severe
    }
}

/// Reads `90s`, `10m`, `2h` or `1d`.
pub(super) fn duration(text: &str) -> Result<TimeDelta, String> {
    let expected = || "must be a number with a unit, such as 90s, 10m, 2h or 1d".to_owned();
    let unit = text.chars().last().ok_or_else(expected)?;
    let number: i64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| expected())?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(expected()),
    };
    let duration = number.checked_mul(seconds).filter(|_| number >= 0).and_then(TimeDelta::try_seconds);
    // A thousand years, so that no calendar overflows.
    duration.filter(|duration| *duration < TimeDelta::days(365_000)).ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(line: &str) -> Entry {
        Entry::parse("worker", line.to_owned(), None)
    }

    #[test]
    fn durations_have_a_number_and_a_unit() {
        for (text, seconds) in [("90s", 90), ("10m", 600), ("2h", 7_200), ("1d", 86_400), ("0s", 0)] {
            assert_eq!(duration(text), Ok(TimeDelta::seconds(seconds)), "{text}");
        }
        for text in
            ["", "m", "10", "10x", "-5m", "1.5h", "ten", "5é", "99999999999999999d", "9223372036854775807s"]
        {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn entries_are_selected_by_time_and_level() {
        let warning = entry(r#"{"timestamp":"2026-11-26T13:00:00Z","level":"WARN","message":"m"}"#);
        let at = |text: &str| Some(text.parse().unwrap());
        for (filter, expected) in [
            (Filter::default(), true),
            (Filter { oldest: at("2026-11-26T13:00:00Z"), ..Filter::default() }, true),
            (Filter { oldest: at("2026-11-26T13:00:01Z"), ..Filter::default() }, false),
            (Filter { level: Some(Level::Info), ..Filter::default() }, true),
            (Filter { level: Some(Level::Warn), ..Filter::default() }, true),
            (Filter { level: Some(Level::Error), ..Filter::default() }, false),
        ] {
            assert_eq!(filter.admits(&warning), expected, "{filter:?}");
        }
        let panic = entry("thread 'main' panicked at src/main.rs:5:9");
        let severe = Filter { level: Some(Level::Error), oldest: at("2026-11-26T13:00:01Z") };
        assert!(severe.admits(&panic));
    }
}
