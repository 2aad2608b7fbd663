//! Scripted responses, set by `POST /_control/script`.
//!
//! ```json
//! {"match": "storm", "steps": [{"kind": "error", "status": 503}, {"kind": "answer", "text": "calm"}], "repeat": 2}
//! ```
//! Each valid call of `generateContent` or `streamGenerateContent` takes the next step of the first
//! script whose `match` occurs in the last user text; a script without `match` applies to every
//! call. A script ends after `repeat` rounds (default 1), or never with `"forever": true`. A call
//! without a script gets a normal answer. `step.rs` lists the kinds of steps.

use serde::Deserialize;
use serde_json::Value;

use super::control_body::{FieldError, read};
use super::step::ScriptStep;

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
            (json!({"steps": [{"kind": "error", "status": 200}]}), "steps[0].status"),
            (json!({"steps": [{"kind": "answer", "thoughts": -1}]}), "steps[0].thoughts"),
            (json!({"steps": [{"kind": "raw"}]}), "steps[0].body"),
            (json!({"steps": [{"kind": "raw", "body": "", "headers": {"a b": "c"}}]}), "steps[0].headers"),
            (json!({"steps": [{"kind": "rate_limited", "retry_delay": "soon"}]}), "steps[0].retry_delay"),
            (json!({"steps": [{"kind": "rate_limited", "per_day": "yes"}]}), "steps[0].per_day"),
        ];
        for (script, field) in cases {
            assert_eq!(Script::read(script.clone()).unwrap_err().field, field, "{script}");
        }
    }
}
