//! Classifies an error response by its status and its body,
//! `{"error": {code, message, status, details}}`.
//!
//! Source: Google's error model, <https://google.aip.dev/193>, and observed bodies: the object may
//! be in a one-element array, and `details` or single details may be missing.

use std::time::Duration;

use serde_json::Value;

use super::error::{BillingProblem, GenerateError, safe_label};
use super::sanitise::sanitise;

/// The longest retry delay of a quota per minute. A longer one means a quota per day, whatever its
/// name.
const LONGEST_MINUTE: Duration = Duration::from_mins(10);

/// Texts in the messages of 400s about the key, in lower case.
const KEY_MESSAGES: [&str; 2] = ["api key not valid", "api key expired"];

/// Texts in the messages of errors about money, in lower case, and what they mean. Google sends
/// most of them as a 429 without details. The usual message of a 429 also mentions "plan and
/// billing details", so the word "billing" alone means nothing.
const BILLING_MESSAGES: [(&str, BillingProblem); 9] = [
    ("credits are depleted", BillingProblem::Credits),
    ("credit balance", BillingProblem::Credits),
    ("spending cap", BillingProblem::SpendingCap),
    ("spend cap", BillingProblem::SpendingCap),
    ("spending limit", BillingProblem::SpendingCap),
    ("spend limit", BillingProblem::SpendingCap),
    ("enable billing", BillingProblem::Disabled),
    ("billing to be enabled", BillingProblem::Disabled),
    ("billing account", BillingProblem::Disabled),
];

/// The error of a response that is not a success. `retry_after` comes from the header.
pub(super) fn classify(
    status: u16,
    retry_after: Option<Duration>,
    body: &[u8],
    model: &str,
) -> GenerateError {
    let error = VendorError::read(body);
    let retry_delay = || error.retry_delay().or(retry_after);
    if let Some(problem) = billing_problem(status, &error) {
        return GenerateError::Billing { problem };
    }
    match status {
        401 | 403 => GenerateError::KeyRejected { status, reason: error.reason() },
        400 if error.is_about_the_project() => GenerateError::KeyRejected { status, reason: error.reason() },
        404 => GenerateError::model_not_found(model),
        408 | 409 | 499 | 500.. => GenerateError::Overloaded { status, retry_delay: retry_delay() },
        429 => match (error.lasting_quota(), retry_delay()) {
            (Some(quota), _) => GenerateError::DailyQuota { quota: safe_label(quota) },
            (None, Some(delay)) if delay > LONGEST_MINUTE => {
                GenerateError::DailyQuota { quota: safe_label(error.quota()) }
            }
            (None, retry_delay) => {
                GenerateError::MinuteQuota { quota: safe_label(error.quota()), retry_delay }
            }
        },
        400.. => GenerateError::InvalidRequest { status, reason: error.reason() },
        _ => GenerateError::InvalidResponse { problem: "an unexpected status" },
    }
}

/// The billing problem of an error: by its reason, its status or its message. Other statuses than
/// these are about the request or passing, whatever they say.
fn billing_problem(status: u16, error: &VendorError) -> Option<BillingProblem> {
    if !matches!(status, 400 | 402 | 403 | 429) {
        return None;
    }
    if error.reason() == "BILLING_DISABLED" {
        return Some(BillingProblem::Disabled);
    }
    // A 400 about the request may quote the user's text; only one about the project counts.
    if status == 400 && error.status() != "FAILED_PRECONDITION" {
        return None;
    }
    let message = error.message();
    let known = BILLING_MESSAGES.iter().find(|(text, _)| message.contains(text));
    known.map(|(_, problem)| *problem).or((status == 402).then_some(BillingProblem::Credits))
}

/// The vendor's error object, read field by field, so that one malformed field does not hide the
/// others.
struct VendorError(Value);

impl VendorError {
    fn read(body: &[u8]) -> Self {
        let mut body: Value = serde_json::from_str(&sanitise(body)).unwrap_or_default();
        let mut envelope = body.get_mut(0).map(Value::take).unwrap_or(body);
        Self(envelope.get_mut("error").map(Value::take).unwrap_or_default())
    }

    fn status(&self) -> &str {
        self.0["status"].as_str().unwrap_or_default()
    }

    /// The detail of one type, such as `google.rpc.RetryInfo`.
    fn detail(&self, name: &str) -> Option<&Value> {
        let is_named = |detail: &&Value| detail["@type"].as_str().is_some_and(|kind| kind.ends_with(name));
        self.0["details"].as_array()?.iter().find(is_named)
    }

    /// The specific reason, such as `API_KEY_INVALID`, else the status, such as `INVALID_ARGUMENT`.
    fn reason(&self) -> String {
        let named = self.detail("google.rpc.ErrorInfo").and_then(|info| info["reason"].as_str());
        safe_label(named.unwrap_or(self.status()))
    }

    /// Google's message in lower case. It is read and never kept.
    fn message(&self) -> String {
        self.0["message"].as_str().unwrap_or_default().to_ascii_lowercase()
    }

    /// A 400 about the key, or about a country in which the service is not offered
    /// (`FAILED_PRECONDITION`), and not about the request. Details may be missing.
    fn is_about_the_project(&self) -> bool {
        self.status() == "FAILED_PRECONDITION"
            || self.reason().starts_with("API_KEY_")
            || KEY_MESSAGES.iter().any(|text| self.message().contains(text))
    }

    /// The longer of the delays in `RetryInfo` and in the message. `RetryInfo` is cut to whole
    /// seconds and can be `0s`; the message has the exact value.
    fn retry_delay(&self) -> Option<Duration> {
        let info = self.detail("google.rpc.RetryInfo");
        let delay = info.and_then(|info| info["retryDelay"].as_str()).and_then(duration);
        delay.max(retry_delay_in(&self.message()))
    }

    fn violations(&self) -> &[Value] {
        let violations =
            self.detail("google.rpc.QuotaFailure").and_then(|failure| failure["violations"].as_array());
        violations.map_or(&[], Vec::as_slice)
    }

    /// The name of the quota: from the first violation, else from the older `ErrorInfo`.
    fn quota(&self) -> &str {
        let violated = self.violations().first().and_then(|violation| violation["quotaId"].as_str());
        violated.or_else(|| self.limit_of_error_info()).unwrap_or_default()
    }

    fn limit_of_error_info(&self) -> Option<&str> {
        self.detail("google.rpc.ErrorInfo")?["metadata"]["quota_limit"].as_str()
    }

    /// The first violated quota that does not refill within a minute.
    fn lasting_quota(&self) -> Option<&str> {
        let lasts = |violation: &&Value| {
            violation["quotaId"].as_str().is_some_and(is_daily)
                || violation["quotaValue"].as_str() == Some("0")
        };
        let violated =
            self.violations().iter().find(lasts).map(|v| v["quotaId"].as_str().unwrap_or_default());
        violated
            .or_else(|| self.limit_of_error_info().filter(|limit| is_daily(limit)))
            .or_else(|| self.0["message"].as_str()?.contains(" per day").then_some("PerDay"))
    }
}

fn is_daily(quota: &str) -> bool {
    quota.contains("PerDay")
}

/// A `google.protobuf.Duration` in JSON: seconds with up to nine decimals and an `s`, such as `22s`
/// or `1.5s`.
fn duration(text: &str) -> Option<Duration> {
    let seconds: f64 = text.strip_suffix('s')?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// The delay in a message such as `Please retry in 12.5s.`, lower case. Units are those of Go's
/// durations: `h`, `m`, `s` and `ms`, also together (`1m2.5s`).
fn retry_delay_in(message: &str) -> Option<Duration> {
    let (_, after) = message.split_once("retry in ")?;
    let mut rest = after.split(|c: char| c.is_whitespace() || c == ',').next()?.trim_end_matches('.');
    let mut total = None;
    while !rest.is_empty() {
        let (number, tail) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit() && c != '.')?);
        let unit_end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let seconds_per_unit = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 0.001,
            _ => return None,
        };
        let part = Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds_per_unit).ok()?;
        total = Some(total.unwrap_or(Duration::ZERO).checked_add(part)?);
        rest = tail;
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protobuf_durations_are_parsed() {
        let read = [("22s", 22_000), ("1.5s", 1_500), ("0s", 0), ("0.250000000s", 250)];
        for (text, millis) in read {
            assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "22", "-3s", "NaNs", "infs", "1e300s", "2m"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn unreadable_body_is_classified_by_status() {
        for body in ["", "<html>", "[]", "{}", "null", r#"{"error":"text"}"#, r#"{"error":{"details":null}}"#]
        {
            let error = classify(429, None, body.as_bytes(), "m");
            assert_eq!(
                error,
                GenerateError::MinuteQuota { quota: "UNSPECIFIED".into(), retry_delay: None },
                "{body}"
            );
        }
    }

    #[test]
    fn zero_quota_and_older_bodies_count_as_daily_quota() {
        let zero = r#"{"error":{"details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[
            {"quotaId":"GenerateRequestsPerMinutePerProjectPerModel-FreeTier","quotaValue":"0"}]}]}}"#;
        let info = r#"{"error":{"details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo",
            "metadata":{"quota_limit":"RequestsPerDay"}}]}}"#;
        let message = r#"{"error":{"message":"limit 'Requests per day per user' exceeded"}}"#;
        for body in [zero, info, message] {
            assert!(
                matches!(classify(429, None, body.as_bytes(), "m"), GenerateError::DailyQuota { .. }),
                "{body}"
            );
        }
    }

    #[test]
    fn retry_delay_of_hours_means_daily_quota() {
        let after = |seconds| classify(429, Some(Duration::from_secs(seconds)), b"", "m");
        assert!(matches!(after(600), GenerateError::MinuteQuota { .. }));
        assert!(matches!(after(40_000), GenerateError::DailyQuota { .. }));
    }

    #[test]
    fn every_status_is_classified() {
        let overloaded =
            |status| GenerateError::Overloaded { status, retry_delay: Some(Duration::from_secs(7)) };
        for status in [408, 409, 499, 500, 502, 503, 504] {
            assert_eq!(classify(status, Some(Duration::from_secs(7)), b"", "m"), overloaded(status));
        }
        for status in [400, 405, 413, 422] {
            let reason = "UNSPECIFIED".to_owned();
            assert_eq!(classify(status, None, b"", "m"), GenerateError::InvalidRequest { status, reason });
        }
        assert!(matches!(classify(302, None, b"", "m"), GenerateError::InvalidResponse { .. }));
        assert_eq!(
            classify(404, None, b"", "a/../b?"),
            GenerateError::ModelNotFound { model: "a..b".into() }
        );
    }
}
