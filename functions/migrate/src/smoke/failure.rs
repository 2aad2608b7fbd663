//! Why a step failed. No message contains a token, a password, a code or a URL with a secret.

use std::fmt;
use std::time::Duration;

use app::Config;
use clients::redis::RedisUnavailable;
use reqwest::StatusCode;
use serde_json::Value;
use thiserror::Error;

/// Why a step failed.
#[derive(Debug, Error)]
pub(super) enum Failure {
    /// The API refused the request.
    #[error("{0}")]
    Refused(Refusal),
    /// No response arrived.
    #[error("no response from {host}")]
    NoResponse {
        host: String,
        #[source]
        cause: reqwest::Error,
    },
    /// A response that the API does not give.
    #[error("{0}")]
    Unexpected(String),
    /// The message ended in another state than `completed`.
    #[error("the message ended as {status}{}", .error_code.as_ref().map(|code| format!(", {code}")).unwrap_or_default())]
    NotAnswered { status: String, error_code: Option<String> },
    /// The step took too long.
    #[error("not done within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// The answer took too long.
    #[error("no answer within {} s; {state}", .limit.as_secs_f64())]
    NoAnswer { limit: Duration, state: String },
    /// The code cannot be stored.
    #[error(transparent)]
    Redis(#[from] RedisUnavailable),
}

/// A response with an error status.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// The `code` of the problem document.
    pub(super) code: Option<String>,
    title: Option<String>,
    request_id: Option<String>,
}

impl Refusal {
    /// `header` is the id of the request in the header of the response.
    pub(super) fn new(status: StatusCode, body: &str, header: Option<String>) -> Self {
        let document: Value = serde_json::from_str(body).unwrap_or_default();
        let member = |name: &str| document[name].as_str().map(str::to_owned);
        let request_id = member("request_id").or(header);
        Self { status, code: member("code"), title: member("title"), request_id }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status.as_u16())?;
        match (&self.code, &self.title) {
            (Some(code), Some(title)) => write!(f, " {code} ({title})")?,
            (Some(code), None) => write!(f, " {code}")?,
            (None, _) => f.write_str(" without a problem document")?,
        }
        match &self.request_id {
            Some(id) => write!(f, ", request {id}"),
            None => f.write_str(", without a request id"),
        }
    }
}

impl Failure {
    /// Why the rest of the test is skipped, if it is: an operator has paused a feature, or a limit of the
    /// configuration is reached. A paused service can still be deployed.
    pub(super) fn reason_to_skip(&self, config: &Config) -> Option<&'static str> {
        let Self::Refused(Refusal { code: Some(code), .. }) = self else { return None };
        match code.as_str() {
            "signups_paused" => Some("an operator has paused sign-ups"),
            "sending_paused" => Some("an operator has paused sending"),
            "model_paused" => Some("an operator has paused every model of the plan"),
            "spend_cap_reached" => Some("the service's spending cap of the day is reached"),
            "daily_quota_exhausted" if config.daily_limits.basic == 0 => {
                Some("BASIC_DAILY_MESSAGE_LIMIT is 0")
            }
            _ => None,
        }
    }
}
