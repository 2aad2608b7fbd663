//! Scripted responses, set by `POST /_control/script`.
//!
//! ```json
//! {"match": "storm", "steps": [{"kind": "error", "status": 503}, {"kind": "answer", "text": "calm"}], "repeat": 2}
//! ```
//! Each valid call of `generateContent` or `streamGenerateContent` takes the next step of the first
//! script whose `match` occurs in the last user text; a script without `match` applies to every
//! call. A script ends after `repeat` rounds (default 1), or never with `"forever": true`. A call
//! without a script gets a normal answer.
//!
//! | kind | fields, optional unless marked required | response |
//! |---|---|---|
//! | `answer` | `text`, `delay_ms`, `finish_reason` | an answer, after the delay |
//! | `error` | `status` (required): 400, 403, 404, 500, 503 or 504 | this error in Google's words |
//! | `rate_limited` | `retry_delay` ("2s"), `per_day`, `details` (true), `array` | a 429; `RetryInfo` only with `retry_delay`, a message alone with `"details": false` |
//! | `blocked_prompt` | `reason` (`PROHIBITED_CONTENT`) | a 200 without candidates |
//! | `blocked_answer` | `reason` (`SAFETY`) | a candidate without content |
//! | `cut` | | half of an answer, then the connection is closed |
//! | `slow` | `delay_ms` (required) | half of an answer, the rest after the delay |
//! | `garbage` | | a 200 that is not JSON |

use std::time::Duration;

use axum::http::StatusCode;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::control_body::{FieldError, millis, read};

const ERROR_STATUSES: [u16; 6] = [400, 403, 404, 500, 503, 504];

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ScriptStep {
    Answer {
        text: Option<String>,
        #[serde(rename = "delay_ms", default, deserialize_with = "millis")]
        delay: Duration,
        finish_reason: Option<String>,
    },
    Error {
        #[serde(deserialize_with = "error_status")]
        status: StatusCode,
    },
    RateLimited {
        #[serde(default, deserialize_with = "protobuf_duration")]
        retry_delay: Option<String>,
        #[serde(default)]
        per_day: bool,
        details: Option<bool>,
        #[serde(default)]
        array: bool,
    },
    BlockedPrompt {
        reason: Option<String>,
    },
    BlockedAnswer {
        reason: Option<String>,
    },
    Cut {},
    Slow {
        #[serde(rename = "delay_ms", deserialize_with = "millis")]
        delay: Duration,
    },
    Garbage {},
}

fn error_status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<StatusCode, D::Error> {
    let status = u16::deserialize(deserializer)?;
    let status = Some(status).filter(|status| ERROR_STATUSES.contains(status));
    status
        .and_then(|status| StatusCode::from_u16(status).ok())
        .ok_or_else(|| D::Error::custom(format!("must be one of {ERROR_STATUSES:?}")))
}

/// A duration as protobuf writes it, such as `2s` or `1.5s`.
fn protobuf_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let seconds =
        |text: &str| text.strip_suffix('s')?.parse().ok().filter(|n: &f64| n.is_finite() && *n >= 0.0);
    match text {
        Some(text) if seconds(&text).is_none() => {
            Err(D::Error::custom("must be seconds such as \"2s\" or \"1.5s\""))
        }
        text => Ok(text),
    }
}

impl ScriptStep {
    pub const PLAIN: Self = Self::Answer { text: None, delay: Duration::ZERO, finish_reason: None };

    fn read(mut step: Value, path: &str) -> Result<(String, Self), FieldError> {
        let Some(fields) = step.as_object_mut() else {
            return Err(FieldError::new(path, "must be an object"));
        };
        let Some(Value::String(kind)) = fields.remove("kind") else {
            return Err(FieldError::new(&format!("{path}.kind"), "must be a string"));
        };
        // serde keeps the path of an invalid field in an externally tagged enum only.
        let read = read(json!({ &kind: step }), path)?;
        Ok((kind, read))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScriptBody {
    #[serde(rename = "match")]
    matching: Option<String>,
    steps: Vec<Value>,
    repeat: Option<u64>,
    #[serde(default)]
    forever: bool,
}

#[derive(Debug)]
pub struct Script {
    matching: Option<String>,
    steps: Vec<(String, ScriptStep)>,
    next: usize,
    /// `None`: without end.
    rounds_left: Option<u64>,
}

impl Script {
    pub fn read(value: Value) -> Result<Self, FieldError> {
        let ScriptBody { matching, steps, repeat, forever } = read(value, "")?;
        if steps.is_empty() {
            return Err(FieldError::new("steps", "must have at least one step"));
        }
        let rounds_left = match (repeat, forever) {
            (Some(0), _) => return Err(FieldError::new("repeat", "must be at least 1")),
            (Some(_), true) => return Err(FieldError::new("repeat", "excludes forever")),
            (None, true) => None,
            (repeat, false) => Some(repeat.unwrap_or(1)),
        };
        let step = |(index, step)| ScriptStep::read(step, &format!("steps[{index}]"));
        let steps = steps.into_iter().enumerate().map(step).collect::<Result<_, _>>()?;
        Ok(Self { matching, steps, next: 0, rounds_left })
    }

    fn matches(&self, text: &str) -> bool {
        self.matching.as_ref().is_none_or(|matching| text.contains(matching))
    }

    fn advance(&mut self) -> Option<(String, ScriptStep)> {
        let step = self.steps.get(self.next).cloned();
        self.next += 1;
        if self.next >= self.steps.len() {
            self.next = 0;
            self.rounds_left = self.rounds_left.map(|rounds| rounds.saturating_sub(1));
        }
        step
    }
}

pub fn next_step(scripts: &mut Vec<Script>, text: &str) -> Option<(String, ScriptStep)> {
    let step = scripts.iter_mut().find(|script| script.matches(text))?.advance();
    scripts.retain(|script| script.rounds_left != Some(0));
    step
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scripts(scripts: &[Value]) -> Vec<Script> {
        scripts.iter().map(|script| Script::read(script.clone()).unwrap()).collect()
    }

    fn next_kind(scripts: &mut Vec<Script>, text: &str) -> Option<String> {
        next_step(scripts, text).map(|(kind, _)| kind)
    }

    #[test]
    fn script_ends_after_its_rounds() {
        let steps = json!({"steps": [{"kind": "cut"}, {"kind": "garbage"}], "repeat": 2});
        let mut scripts = scripts(&[steps]);
        let taken: Vec<_> = (0..5).map(|_| next_kind(&mut scripts, "x").unwrap_or_default()).collect();
        assert_eq!(taken, ["cut", "garbage", "cut", "garbage", ""]);
        assert_eq!(scripts.len(), 0);
    }

    #[test]
    fn script_applies_to_matching_calls_only_and_can_repeat_forever() {
        let storm = json!({"match": "storm", "steps": [{"kind": "cut"}], "forever": true});
        let mut scripts = scripts(&[storm, json!({"steps": [{"kind": "garbage"}]})]);
        assert_eq!(next_kind(&mut scripts, "calm").as_deref(), Some("garbage"));
        assert_eq!(next_kind(&mut scripts, "calm"), None);
        for _ in 0..10 {
            assert_eq!(next_kind(&mut scripts, "a storm comes").as_deref(), Some("cut"));
        }
    }

    #[test]
    fn invalid_script_is_refused_with_the_path_of_the_field() {
        let cases = [
            (json!([]), ""),
            (json!({}), "steps"),
            (json!({"steps": []}), "steps"),
            (json!({"steps": [{"kind": "cut"}], "repeat": 0}), "repeat"),
            (json!({"steps": [{"kind": "cut"}], "repeat": 2, "forever": true}), "repeat"),
            (json!({"steps": [{"kind": "cut"}], "matching": "x"}), "matching"),
            (json!({"steps": [{"kind": "cut"}, 5]}), "steps[1]"),
            (json!({"steps": [{}]}), "steps[0].kind"),
            (json!({"steps": [{"kind": "explode"}]}), "steps[0].kind"),
            (json!({"steps": [{"kind": "cut", "delay_ms": 5}]}), "steps[0].delay_ms"),
            (json!({"steps": [{"kind": "slow"}]}), "steps[0].delay_ms"),
            (json!({"steps": [{"kind": "slow", "delay_ms": 600_001}]}), "steps[0].delay_ms"),
            (json!({"steps": [{"kind": "error", "status": 418}]}), "steps[0].status"),
            (json!({"steps": [{"kind": "rate_limited", "retry_delay": "soon"}]}), "steps[0].retry_delay"),
            (json!({"steps": [{"kind": "rate_limited", "per_day": "yes"}]}), "steps[0].per_day"),
        ];
        for (script, field) in cases {
            assert_eq!(Script::read(script.clone()).unwrap_err().field, field, "{script}");
        }
    }
}
