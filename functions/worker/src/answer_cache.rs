//! Answers kept for those who ask the very same again, where `RESPONSE_CACHE_TTL` says so. Without Redis there are none.

use app::AppState;
use app::telemetry::chain;
use clients::gemini::{Answer, FinishReason, Prompt};
use domain::UserId;
use tracing::warn;

/// What `owner` was answered before to this prompt. It costs no tokens.
pub(crate) async fn find(app: &AppState, owner: UserId, prompt: &Prompt) -> Option<Answer> {
    app.config.worker.answer_cache?;
    let found = app.redis.find_answer(owner, prompt).await;
    let text = found
        .inspect_err(|error| warn!(error = chain(error), "asked without a look at the cache"))
        .ok()??;
    Some(Answer {
        text,
        model: prompt.model.clone(),
        finish_reason: FinishReason::Stop,
        prompt_tokens: 0,
        response_tokens: 0,
    })
}

/// Keeps a whole answer, where answers are kept.
pub(crate) async fn keep(app: &AppState, owner: UserId, prompt: &Prompt, answer: &Answer) {
    let Some(lifetime) = app.config.worker.answer_cache else { return };
    if answer.finish_reason != FinishReason::Stop {
        return;
    }
    if let Err(error) = app.redis.keep_answer(owner, prompt, &answer.text, lifetime).await {
        warn!(error = chain(&error), "an answer is not cached");
    }
}
