//! Answers kept for a person who asks the same again, at `answer:{user id}:{hash of all that was asked}`.

use std::time::Duration;

use domain::UserId;
use domain::fingerprint::fingerprint;
use serde_json::json;

use super::{Redis, RedisUnavailable};
use crate::gemini::Prompt;

impl Redis {
    /// The answer that `owner` got to the very same prompt: same model, instruction and history.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn find_answer(
        &self,
        owner: UserId,
        prompt: &Prompt,
    ) -> Result<Option<String>, RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("GET").arg(key(owner, prompt));
        let (answer,): (Option<String>,) = self.run(&pipeline).await?;
        Ok(answer)
    }

    /// Keeps `answer` to `prompt` for `lifetime`.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn keep_answer(
        &self,
        owner: UserId,
        prompt: &Prompt,
        answer: &str,
        lifetime: Duration,
    ) -> Result<(), RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("SET").arg(key(owner, prompt)).arg(answer).arg("EX").arg(lifetime.as_secs());
        self.run(pipeline.ignore()).await
    }
}

/// JSON keeps apart what belongs to different fields, whatever is in them.
fn key(owner: UserId, prompt: &Prompt) -> String {
    let turns: Vec<[&str; 2]> =
        prompt.turns.iter().map(|turn| [turn.role.as_str(), turn.text.as_str()]).collect();
    let asked = json!([prompt.model, prompt.max_output_tokens, prompt.system_instruction, turns]);
    format!("answer:{owner}:{}", fingerprint(asked.to_string().as_bytes()))
}
