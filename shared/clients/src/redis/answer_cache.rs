//! Cached answers, at `answer:{user id}:{hash of the prompt}`.

use std::time::Duration;

use domain::UserId;
use domain::fingerprint::fingerprint;
use serde_json::json;

use super::{Redis, RedisUnavailable};
use crate::gemini::{Prompt, ThinkingLevel};

impl Redis {
    /// The cached answer to `owner`'s same prompt: same model, instruction and history.
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

    /// Caches `answer` for `ttl`.
    pub async fn cache_answer(
        &self,
        owner: UserId,
        prompt: &Prompt,
        answer: &str,
        ttl: Duration,
    ) -> Result<(), RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("SET").arg(key(owner, prompt)).arg(answer).arg("EX").arg(ttl.as_secs());
        self.run(pipeline.ignore()).await
    }
}

/// The prompt is hashed as JSON, so that text cannot move from one field into another unnoticed.
fn key(owner: UserId, prompt: &Prompt) -> String {
    let turns: Vec<[&str; 2]> =
        prompt.turns.iter().map(|turn| [turn.role.as_str(), turn.text.as_str()]).collect();
    let level = prompt.thinking_level.map(ThinkingLevel::as_str);
    let content = json!([prompt.model, prompt.max_output_tokens, level, prompt.system_instruction, turns]);
    format!("answer:{owner}:{}", fingerprint(content.to_string().as_bytes()))
}
