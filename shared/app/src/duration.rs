//! The format of durations in the configuration: `7d`, `12h`, `30m`, `45s`, or seconds without a
//! unit. The Node.js service used the same.

use std::time::Duration;

/// Parses a duration, which must not be zero.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => 0,
    };
    match number.parse::<u32>() {
        Ok(count) if count > 0 && seconds > 0 => Ok(Duration::from_secs(u64::from(count) * seconds)),
        _ => Err("must be a duration like 7d, 12h, 30m or 45s".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_parsed_with_their_unit() {
        for (text, seconds) in [("45s", 45), ("45", 45), ("30m", 1_800), ("12h", 43_200), ("7d", 604_800)] {
            assert_eq!(parse(text).unwrap().as_secs(), seconds, "{text}");
        }
        for text in ["", "d", "0s", "7w", "-1d", "1.5h", "99999999999s"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
