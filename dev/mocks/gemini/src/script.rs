//! What the next calls get: scripts, read from `POST /_control/script`.
//!
//! ```json
//! {"match": "storm", "steps": [{"kind": "error", "status": 503}, {"kind": "answer", "text": "calm"}], "repeat": 2}
//! ```
//! Each call of `generateContent` or `streamGenerateContent` that is valid takes the next step of the first script
//! whose `match` is in the last text of the person (no `match`: any call). A script is over after its last step, after
//! `repeat` rounds (default 1), or never with `"forever": true`; calls that no script claims are answered normally.
//!
//! | kind | further fields (optional unless said) | what the call gets |
//! |---|---|---|
//! | `answer` | `text`, `delay_ms`, `finish_reason` | an answer, after the delay |
//! | `error` | `status`, needed: 400, 403, 404, 500, 503 or 504 | that error in the vendor's words |
//! | `rate_limited` | `retry_delay` ("2s"), `per_day`, `details` (true), `array` | a 429; `RetryInfo` only with `retry_delay`, nothing but a message with `"details": false` |
//! | `blocked_prompt` | `reason` (`PROHIBITED_CONTENT`) | a 200 without candidates |
//! | `blocked_answer` | `reason` (`SAFETY`) | a candidate without content |
//! | `cut` | | half of an answer, then the connection is cut |
//! | `slow` | `delay_ms`, needed | half of an answer, the rest after the delay |
//! | `garbage` | | a 200 that is not JSON |

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::Value;

use super::fields::{FieldError, Fields};

/// What one call gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Answer { text: Option<String>, delay: Duration, finish_reason: Option<String> },
    Error { status: StatusCode },
    RateLimited { retry_delay: Option<String>, per_day: bool, details: bool, array: bool },
    BlockedPrompt { reason: String },
    BlockedAnswer { reason: String },
    Cut,
    Slow { delay: Duration },
    Garbage,
}

impl Step {
    /// The step of a call that no script claims.
    pub(super) const PLAIN: Self = Self::Answer { text: None, delay: Duration::ZERO, finish_reason: None };

    /// The kind's name, as in a script.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Answer { .. } => "answer",
            Self::Error { .. } => "error",
            Self::RateLimited { .. } => "rate_limited",
            Self::BlockedPrompt { .. } => "blocked_prompt",
            Self::BlockedAnswer { .. } => "blocked_answer",
            Self::Cut => "cut",
            Self::Slow { .. } => "slow",
            Self::Garbage => "garbage",
        }
    }

    fn read(value: Value, path: &str) -> Result<Self, FieldError> {
        let mut fields = Fields::new(value, path)?;
        let kind = fields.text("kind")?.ok_or_else(|| fields.error("kind", "is needed"))?;
        let step = match kind.as_str() {
            "answer" => Self::Answer {
                text: fields.text("text")?,
                delay: fields.millis("delay_ms")?.unwrap_or_default(),
                finish_reason: fields.text("finish_reason")?,
            },
            "error" => Self::Error { status: fields.status()? },
            "rate_limited" => Self::RateLimited {
                retry_delay: fields.seconds("retry_delay")?,
                per_day: fields.flag("per_day")?.unwrap_or(false),
                details: fields.flag("details")?.unwrap_or(true),
                array: fields.flag("array")?.unwrap_or(false),
            },
            "blocked_prompt" => {
                Self::BlockedPrompt { reason: fields.text_or("reason", "PROHIBITED_CONTENT")? }
            }
            "blocked_answer" => Self::BlockedAnswer { reason: fields.text_or("reason", "SAFETY")? },
            "cut" => Self::Cut,
            "slow" => {
                let delay = fields.millis("delay_ms")?;
                Self::Slow { delay: delay.ok_or_else(|| fields.error("delay_ms", "is needed"))? }
            }
            "garbage" => Self::Garbage,
            _ => {
                return Err(fields.error(
                    "kind",
                    "is none of answer, error, rate_limited, blocked_prompt, \
                                                  blocked_answer, cut, slow, garbage",
                ));
            }
        };
        fields.finish()?;
        Ok(step)
    }
}

/// A sequence of steps for the calls that it matches.
#[derive(Debug)]
pub(super) struct Script {
    matching: Option<String>,
    steps: Vec<Step>,
    next: usize,
    /// `None` is for ever.
    rounds_left: Option<u64>,
}

impl Script {
    /// Reads a script, naming the field that is wrong.
    pub(super) fn read(value: Value) -> Result<Self, FieldError> {
        let mut fields = Fields::new(value, "")?;
        let matching = fields.text("match")?;
        let steps = match fields.take("steps") {
            Some(Value::Array(steps)) if !steps.is_empty() => steps,
            _ => return Err(fields.error("steps", "must be a list of at least one step")),
        };
        let repeat = fields.number("repeat")?;
        let forever = fields.flag("forever")?.unwrap_or(false);
        let rounds_left = match repeat {
            Some(0) => return Err(fields.error("repeat", "must be at least 1")),
            Some(_) if forever => return Err(fields.error("repeat", "does not go with forever")),
            _ if forever => None,
            repeat => Some(repeat.unwrap_or(1)),
        };
        fields.finish()?;
        let read = |(index, step)| Step::read(step, &format!("steps[{index}]"));
        let steps = steps.into_iter().enumerate().map(read).collect::<Result<_, _>>()?;
        Ok(Self { matching, steps, next: 0, rounds_left })
    }

    fn matches(&self, text: &str) -> bool {
        self.matching.as_ref().is_none_or(|matching| text.contains(matching))
    }

    fn advance(&mut self) -> Option<Step> {
        let step = self.steps.get(self.next).cloned();
        self.next += 1;
        if self.next >= self.steps.len() {
            self.next = 0;
            self.rounds_left = self.rounds_left.map(|rounds| rounds.saturating_sub(1));
        }
        step
    }
}

/// The scripts at work, oldest first.
#[derive(Debug, Default)]
pub(super) struct Scripts(Vec<Script>);

impl Scripts {
    pub(super) fn add(&mut self, script: Script) {
        self.0.push(script);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The step for a call whose last text of the person is this.
    pub(super) fn take(&mut self, text: &str) -> Option<Step> {
        let step = self.0.iter_mut().find(|script| script.matches(text))?.advance();
        self.0.retain(|script| script.rounds_left != Some(0));
        step
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scripts(script: Value) -> Scripts {
        Scripts(vec![Script::read(script).unwrap()])
    }

    #[test]
    fn steps_come_in_turn_and_then_no_more() {
        let mut scripts = scripts(json!({"steps": [{"kind": "cut"}, {"kind": "garbage"}], "repeat": 2}));
        let taken: Vec<_> = (0..5).map(|_| scripts.take("x").map(|step| step.kind())).collect();
        assert_eq!(taken, [Some("cut"), Some("garbage"), Some("cut"), Some("garbage"), None]);
        assert_eq!(scripts.len(), 0);
    }

    #[test]
    fn a_script_claims_only_what_it_matches_and_may_go_on_for_ever() {
        let mut scripts = scripts(json!({"match": "storm", "steps": [{"kind": "cut"}], "forever": true}));
        scripts.add(Script::read(json!({"steps": [{"kind": "garbage"}]})).unwrap());
        assert_eq!(scripts.take("calm"), Some(Step::Garbage));
        assert_eq!(scripts.take("calm"), None);
        for _ in 0..10 {
            assert_eq!(scripts.take("a storm comes"), Some(Step::Cut));
        }
    }

    #[test]
    fn a_wrong_field_is_named() {
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
