//! Calls Gemini within its rate limits: the fallback model when the plan's model is exhausted for
//! the day or does not exist, and once more when an answer has no text.

use std::time::Duration;

use app::telemetry::chain;
use app::{AppState, NotConfigured};
use chrono::{DateTime, Utc};
use clients::gemini::{Answer, FinishReason, GenerateError, Prompt, TokenUsage};
use clients::redis::model_rate_limiter::{CallOutcome, ModelCall};
use domain::UserId;
use domain::history::estimate_tokens;
use domain::message::WaitReason;
use domain::model_quota::Admission;
use tokio::time::{Instant, timeout};
use tracing::{info, warn};
use uuid::Uuid;

/// Tokens that a turn costs beyond its text.
const TURN_TOKENS: usize = 4;

/// A prompt to answer, and how long it can wait.
pub(crate) struct GenerationRequest {
    /// The prompt, for the model of the user's plan.
    pub(crate) prompt: Prompt,
    /// The owner of the message.
    pub(crate) user_id: UserId,
    /// Identifies the call to the rate limiter.
    pub(crate) call_id: Uuid,
    /// Since when the message has waited for the rate limit, if it has.
    pub(crate) waiting_since: Option<DateTime<Utc>>,
    /// How much longer it can wait.
    pub(crate) max_wait: Duration,
    /// When the answer must be complete, so that there is time to store it.
    pub(crate) deadline: DateTime<Utc>,
}

/// The last call for a message.
pub(crate) struct Called {
    /// The model.
    pub(crate) model: String,
    /// How the call ended.
    pub(crate) result: Result<Answer, GenerateError>,
    /// The tokens of this call and of one before it whose answer had no text.
    pub(crate) usage: TokenUsage,
    /// Whether there was a call before it whose answer had no text, or another is of no use.
    pub(crate) is_final: bool,
}

impl Called {
    fn new(model: &str, result: Result<Answer, GenerateError>) -> Self {
        Self { model: model.to_owned(), usage: usage_of(&result), result, is_final: false }
    }
}

/// The result of [`generate`].
pub(crate) enum Generation {
    /// A model was called. The caller must still report the outcome to the rate limiter.
    Called(Called),
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
                let outcome = CallOutcome::from(&result);
                app.model_rate_limiter.record(model, request.call_id, request.user_id, outcome).await;
            }
            _ => {
                let called = Called::new(model, result);
                return Ok(Generation::Called(ask_again(app, request, called, tokens, ends).await?));
            }
        }
    }
    Ok(Generation::NoModelAvailable)
}

/// Calls the model once more if its answer has no text, with a larger limit if thoughts used up the
/// first one. Returns `first` if the answer has text, or if the rate limit or the time left allows
/// no second call now.
async fn ask_again(
    app: &AppState,
    request: &mut GenerationRequest,
    first: Called,
    tokens: u32,
    ends: Instant,
) -> Result<Called, NotConfigured> {
    let Err(GenerateError::NoAnswer { finish_reason, .. }) = &first.result else { return Ok(first) };
    let finish_reason = *finish_reason;
    let left = ends.saturating_duration_since(Instant::now());
    if left < app.config.gemini.timeout / 3 {
        return Ok(first);
    }
    if finish_reason == FinishReason::MaxTokens && !request.prompt.raise_output_limit() {
        return Ok(Called { is_final: true, ..first });
    }
    let (limiter, id) = (&app.model_rate_limiter, Uuid::new_v4());
    // Without time to wait, the call does not join the line.
    let call = ModelCall { model: &first.model, id, tokens, has_waited: true, max_wait: Duration::ZERO };
    if limiter.admit(call, app.clock.now()).await != Admission::Granted {
        return Ok(first);
    }
    let outcome = CallOutcome::from(&first.result);
    limiter.record(&first.model, request.call_id, request.user_id, outcome).await;
    request.call_id = id;
    info!(model = first.model, ?finish_reason, "no text: calling Gemini once more");
    let result = timeout(left, app.model()?.generate(&request.prompt)).await;
    let result = result.unwrap_or(Err(GenerateError::Timeout));
    Ok(Called { usage: first.usage + usage_of(&result), result, is_final: true, ..first })
}

fn usage_of(result: &Result<Answer, GenerateError>) -> TokenUsage {
    match result {
        Ok(answer) => answer.usage,
        Err(error) => error.usage(),
    }
}

/// An estimate of the prompt's tokens, rather too high than too low.
fn estimate(prompt: &Prompt) -> usize {
    let texts =
        prompt.turns.iter().map(|turn| turn.text.as_str()).chain(prompt.system_instruction.as_deref());
    texts.map(|text| estimate_tokens(text) + TURN_TOKENS).sum()
}
