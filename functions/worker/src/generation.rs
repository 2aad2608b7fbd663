//! Calls Gemini within its rate limits: a fallback model when the model is exhausted for the day or
//! does not exist, and once more when an answer has no text.

use std::time::Duration;

use app::AppState;
use app::metrics::MetricEvent;
use app::telemetry::chain;
use app::trace::{self, SpanKind, SpanRecord};
use chrono::{DateTime, Utc};
use clients::gemini::{Answer, FinishReason, GenerateError, Observer, Prompt, TokenUsage};
use clients::redis::model_rate_limiter::{CallOutcome, ModelCall};
use domain::history::estimate_tokens;
use domain::message::WaitReason;
use domain::model_quota::Admission;
use domain::spending::Cost;
use domain::{GenerationId, TraceContext, UserId};
use services::spending::CallSpending;
use tokio::time::Instant;
use tracing::{info, warn};
use uuid::Uuid;

use crate::live_answer::LiveAnswer;
use crate::models;
use crate::outcome::DeliveryError;

/// How long a message waits before the worker looks again whether its model is still paused.
const PAUSE: Duration = Duration::from_secs(30);

/// Tokens that a turn costs beyond its text.
const TURN_TOKENS: usize = 4;

/// A prompt to answer, and how long it can wait.
pub(crate) struct GenerationRequest {
    /// The prompt, for the model that the user has chosen or the plan's default.
    pub(crate) prompt: Prompt,
    /// The owner of the message.
    pub(crate) user_id: UserId,
    /// The answer.
    pub(crate) generation_id: GenerationId,
    /// Identifies the call to the rate limiter.
    pub(crate) call_id: Uuid,
    /// Since when the message has waited for the rate limit, if it has.
    pub(crate) waiting_since: Option<DateTime<Utc>>,
    /// How much longer it can wait.
    pub(crate) max_wait: Duration,
    /// When the answer must be complete, so that there is time to store it.
    pub(crate) deadline: DateTime<Utc>,
    /// What is reserved for the calls.
    pub(crate) spending: CallSpending,
    /// The attempt in the trace of its request.
    pub(crate) trace: TraceContext,
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
    /// No call was made: the rate limit or a spending cap allows one after this time.
    Wait(Duration, WaitReason),
    /// No call was made: all models are exhausted.
    NoModelAvailable,
}

/// Calls the prompt's model, or the first fallback that is available. All calls together take no
/// longer than one timeout. Their text goes to `live`: that of one call only, since readers cannot
/// tell the texts apart. The most that the calls can cost is reserved before.
pub(crate) async fn generate(
    app: &AppState,
    request: &mut GenerationRequest,
    live: &LiveAnswer<'_>,
) -> Result<Generation, DeliveryError> {
    let settings = &app.config.gemini;
    let tokens = settings.quota.reservation(estimate(&request.prompt));
    let until_deadline = (request.deadline - app.clock.now()).to_std().unwrap_or_default();
    let ends = Instant::now() + settings.timeout.min(until_deadline);
    let primary = request.prompt.model.clone();
    let fallbacks = settings.models.fallbacks().filter(|model| model.id != primary).map(Some);
    let paused = app.switches.paused().await;
    let mut is_paused = false;
    let mut candidates = std::iter::once(None).chain(fallbacks);
    let mut next = candidates.next();
    while let Some(fallback) = next {
        next = candidates.next();
        if let Some(fallback) = fallback {
            models::use_model(&mut request.prompt, fallback);
        }
        let model = &request.prompt.model;
        if paused.models.contains(model) {
            info!(model, "an operator has paused the model");
            is_paused = true;
            continue;
        }
        let call = ModelCall {
            model,
            user: request.user_id,
            waiting_id: request.generation_id.0,
            id: request.call_id,
            tokens,
            has_waited: request.waiting_since.is_some(),
            max_wait: request.max_wait,
        };
        // Before the rate limiter: a call that a cap forbids must not use up the quota that all
        // users share.
        if let Err(refusal) = request.spending.reserve(app, &request.prompt, Cost::default()).await? {
            return Ok(Generation::Wait(refusal.wait, WaitReason::SpendCap));
        }
        match app.model_rate_limiter.admit(call, app.clock.now()).await {
            Admission::Granted => {}
            Admission::Wait(delay, reason) => {
                if reason == WaitReason::Outage {
                    app.metrics.emit(&MetricEvent::BreakerRefused);
                }
                return Ok(Generation::Wait(delay, reason));
            }
            Admission::Exhausted => {
                info!(model, "the model was recently exhausted or not found");
                continue;
            }
        }
        info!(model, turns = request.prompt.turns.len(), tokens, "calling Gemini");
        let left = ends.saturating_duration_since(Instant::now());
        let result = call_model(app, request, left, live).await?;
        match &result {
            Err(error @ (GenerateError::DailyQuota { .. } | GenerateError::ModelNotFound { .. }))
                if next.is_some() && !live.has_text() =>
            {
                warn!(error = chain(error), "calling a fallback model instead");
                let outcome = CallOutcome::from(&result);
                app.model_rate_limiter.record(model, request.call_id, request.user_id, outcome).await;
            }
            _ => {
                let called = Called::new(model, result);
                return Ok(Generation::Called(ask_again(app, request, called, tokens, ends, live).await?));
            }
        }
    }
    // The message waits for the end of the pause.
    Ok(if is_paused { Generation::Wait(PAUSE, WaitReason::Outage) } else { Generation::NoModelAvailable })
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
    live: &LiveAnswer<'_>,
) -> Result<Called, DeliveryError> {
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
    let call = ModelCall {
        model: &first.model,
        user: request.user_id,
        waiting_id: request.generation_id.0,
        id,
        tokens,
        has_waited: true,
        max_wait: Duration::ZERO,
    };
    let models = &app.config.gemini.models;
    let spent = request.spending.cost(models, &first.model, &first.result, first.usage);
    if request.spending.reserve(app, &request.prompt, spent).await?.is_err()
        || limiter.admit(call, app.clock.now()).await != Admission::Granted
    {
        return Ok(first);
    }
    let outcome = CallOutcome::from(&first.result);
    limiter.record(&first.model, request.call_id, request.user_id, outcome).await;
    request.call_id = id;
    info!(model = first.model, ?finish_reason, "no text: calling Gemini once more");
    let result = call_model(app, request, left, live).await?;
    Ok(Called { usage: first.usage + usage_of(&result), result, is_final: true, ..first })
}

/// Calls the model of `request` once, and logs and traces the call.
async fn call_model(
    app: &AppState,
    request: &GenerationRequest,
    time_limit: Duration,
    live: &LiveAnswer<'_>,
) -> Result<Result<Answer, GenerateError>, DeliveryError> {
    let (model, trace) = (&request.prompt.model, trace::child(request.trace));
    let (started, started_at) = (Instant::now(), app.clock.now());
    let on_text = |text: &str| live.push(text);
    let observer = Observer::new(&on_text, live.is_stopped()).traced(Some(trace));
    let result = app.model()?.generate(&request.prompt, time_limit, &observer).await;
    let outcome = match &result {
        Ok(answer) => answer.finish_reason.as_str(),
        Err(error) => error.error_code().as_str(),
    };
    let duration_ms = milliseconds(started.elapsed());
    let first_text_ms = live.first_text_at().map(|at| milliseconds(at.saturating_duration_since(started)));
    info!(model, outcome, duration_ms, first_text_ms, "Gemini has responded");
    app.tracer.record(trace, || SpanRecord {
        context: trace,
        parent: Some(request.trace),
        name: format!("generate_content {model}"),
        kind: SpanKind::Client,
        started_at,
        ended_at: app.clock.now(),
        attributes: vec![
            ("gen_ai.request.model", Some(model.clone())),
            ("outcome", Some(outcome.to_owned())),
        ],
        is_error: result.is_err(),
    });
    models::report(app, model, &result);
    Ok(result)
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The tokens of a call.
pub(crate) fn usage_of(result: &Result<Answer, GenerateError>) -> TokenUsage {
    match result {
        Ok(answer) => answer.usage,
        Err(error) => error.usage(),
    }
}

/// An estimate of the prompt's tokens, rather too high than too low.
pub(crate) fn estimate(prompt: &Prompt) -> usize {
    let texts =
        prompt.turns.iter().map(|turn| turn.text.as_str()).chain(prompt.system_instruction.as_deref());
    texts.map(|text| estimate_tokens(text) + TURN_TOKENS).sum()
}
