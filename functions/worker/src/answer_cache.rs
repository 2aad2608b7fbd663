//! The cache of answers to repeated prompts, enabled by `RESPONSE_CACHE_TTL`. Without Redis the
//! worker calls Gemini each time.

use app::AppState;
use app::telemetry::chain;
use clients::gemini::{Answer, FinishReason, Prompt, TokenUsage};
use domain::UserId;
use tracing::warn;

/// The cached answer to `owner`'s prompt. It costs no tokens.
pub(crate) async fn find(app: &AppState, owner: UserId, prompt: &Prompt) -> Option<Answer> {
    app.config.worker.answer_cache?;
    let found = app.redis.find_answer(owner, prompt).await;
    let text =
        found.inspect_err(|error| warn!(error = chain(error), "the answer cache is unavailable")).ok()??;
    Some(Answer {
        text,
        model: prompt.model.clone(),
        finish_reason: FinishReason::Stop,
        usage: TokenUsage::default(),
    })
}

/// Caches a complete answer, if the cache is enabled.
pub(crate) async fn store(app: &AppState, owner: UserId, prompt: &Prompt, answer: &Answer) {
    let Some(ttl) = app.config.worker.answer_cache else { return };
    if answer.finish_reason != FinishReason::Stop {
        return;
    }
    if let Err(error) = app.redis.cache_answer(owner, prompt, &answer.text, ttl).await {
        warn!(error = chain(&error), "an answer is not cached");
    }
}
