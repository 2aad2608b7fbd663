//! Calls Gemini within its rate limits, and the fallback model when the plan's model is exhausted
//! for the day or does not exist.

use std::time::Duration;

use app::telemetry::chain;
use app::{AppState, NotConfigured};
use chrono::{DateTime, Utc};
use clients::gemini::{Answer, GenerateError, Prompt};
use clients::redis::model_rate_limiter::{CallOutcome, ModelCall};
use domain::history::estimate_tokens;
use domain::model_quota::{Admission, WaitReason};
use tokio::time::{Instant, timeout};
use tracing::{info, warn};
use uuid::Uuid;

/// Tokens that a turn costs beyond its text.
const TURN_TOKENS: usize = 4;

/// A prompt to answer, and how long it can wait.
pub(crate) struct GenerationRequest {
    /// The prompt, for the model of the user's plan.
    pub(crate) prompt: Prompt,
    /// Identifies the call to the rate limiter.
    pub(crate) call_id: Uuid,
    /// Since when the message has waited for the rate limit, if it has.
    pub(crate) waiting_since: Option<DateTime<Utc>>,
    /// How much longer it can wait.
    pub(crate) max_wait: Duration,
    /// When the answer must be complete, so that there is time to store it.
    pub(crate) deadline: DateTime<Utc>,
}

/// The result of [`generate`].
pub(crate) enum Generation {
    /// A model was called. The caller must still report the outcome to the rate limiter.
    Called {
        /// The model.
        model: String,
        /// How the call ended.
        result: Result<Answer, GenerateError>,
    },
    /// No call was made: the rate limit allows one after this time.
    Wait(Duration, WaitReason),
    /// No call was made: all models are exhausted.
    NoModelAvailable,
}

/// Calls the prompt's model, or the fallback. All calls together take no longer than one timeout.
pub(crate) async fn generate(
    app: &AppState,
    request: &mut GenerationRequest,
) -> Result<Generation, NotConfigured> {
    let (client, settings) = (app.model()?, &app.config.gemini);
    let tokens = settings.quota.reservation(estimate(&request.prompt));
    let until_deadline = (request.deadline - app.clock.now()).to_std().unwrap_or_default();
    let ends = Instant::now() + settings.timeout.min(until_deadline);
    let primary = request.prompt.model.clone();
    let fallback = settings.model_fallback.iter().filter(|model| **model != primary);
    let mut models = std::iter::once(&primary).chain(fallback);
    let mut next = models.next();
    while let Some(model) = next {
        next = models.next();
        let call = ModelCall {
            model,
            id: request.call_id,
            tokens,
            has_waited: request.waiting_since.is_some(),
            max_wait: request.max_wait,
        };
        match app.model_rate_limiter.admit(call, app.clock.now()).await {
            Admission::Granted => {}
            Admission::Wait(delay, reason) => return Ok(Generation::Wait(delay, reason)),
            Admission::Exhausted => {
                info!(model, "the model was recently exhausted or not found");
                continue;
            }
        }
        if *model != primary {
            request.prompt.thinking_level = settings.thinking_level_fallback;
        }
        request.prompt.model.clone_from(model);
        info!(model, turns = request.prompt.turns.len(), tokens, "calling Gemini");
        let left = ends.saturating_duration_since(Instant::now());
        let result = timeout(left, client.generate(&request.prompt)).await;
        let result = result.unwrap_or(Err(GenerateError::Timeout));
        match &result {
            Err(error @ (GenerateError::DailyQuota { .. } | GenerateError::ModelNotFound { .. }))
                if next.is_some() =>
            {
                warn!(error = chain(error), "calling the fallback model instead");
                app.model_rate_limiter.record(model, request.call_id, CallOutcome::from(&result)).await;
            }
            _ => return Ok(Generation::Called { model: model.clone(), result }),
        }
    }
    Ok(Generation::NoModelAvailable)
}

/// An estimate of the prompt's tokens, rather too high than too low.
fn estimate(prompt: &Prompt) -> usize {
    let texts =
        prompt.turns.iter().map(|turn| turn.text.as_str()).chain(prompt.system_instruction.as_deref());
    texts.map(|text| estimate_tokens(text) + TURN_TOKENS).sum()
}
