//! Asking Gemini: in turn, and another model where the person's own is used up for the day or gone.

use std::time::Duration;

use app::{AppState, NotConfigured};
use chrono::{DateTime, Utc};
use clients::gemini::{Answer, GenerateError, Prompt};
use clients::redis::model_rate_limit::Ask;
use domain::history::estimate_tokens;
use domain::model_quota::{Admission, WaitReason};
use tokio::time::{Instant, timeout};
use tracing::{info, warn};
use uuid::Uuid;

use crate::model_rate_limit;

/// What a turn costs beyond its text, in tokens.
const TURN_TOKENS: usize = 4;

/// What is asked of Gemini, and how long that can wait.
pub(crate) struct Question {
    /// The prompt, to the model of the person's plan.
    pub(crate) prompt: Prompt,
    /// Names the call.
    pub(crate) call: Uuid,
    /// Since when the message has waited for its turn, if it had to.
    pub(crate) waiting_since: Option<DateTime<Utc>>,
    /// How much longer it can.
    pub(crate) patience: Duration,
    /// When an answer must be there, to be stored in time.
    pub(crate) deadline: DateTime<Utc>,
}

/// What asking came to.
pub(crate) enum Asked {
    /// A call was made, to this model; the other workers are still to be told how it ended.
    Made(String, Result<Answer, GenerateError>),
    /// None was made: its turn comes after this time.
    Wait(Duration, WaitReason),
    /// None was made: there is no model left.
    NoModelLeft,
}

/// Asks the model in the prompt, or the fallback; all calls together take no longer than one may.
pub(crate) async fn ask(app: &AppState, question: &mut Question) -> Result<Asked, NotConfigured> {
    let (model, settings) = (app.model()?, &app.config.gemini);
    let tokens = settings.quota.reservation(estimate(&question.prompt));
    let until_deadline = (question.deadline - app.clock.now()).to_std().unwrap_or_default();
    let ends = Instant::now() + settings.timeout.min(until_deadline);
    let own = question.prompt.model.clone();
    let mut models =
        std::iter::once(&own).chain(settings.model_fallback.iter().filter(|other| **other != own));
    let mut next = models.next();
    while let Some(name) = next {
        next = models.next();
        let ask = Ask {
            model: name,
            call: question.call,
            tokens,
            has_waited: question.waiting_since.is_some(),
            patience: question.patience,
        };
        match model_rate_limit::admit(app, ask).await {
            Admission::Go => {}
            Admission::Wait(delay, reason) => return Ok(Asked::Wait(delay, reason)),
            Admission::Exhausted => {
                info!(model = name.as_str(), "used up, or gone, a while ago");
                continue;
            }
        }
        question.prompt.model.clone_from(name);
        info!(model = name.as_str(), turns = question.prompt.turns.len(), tokens, "asking");
        let left = ends.saturating_duration_since(Instant::now());
        let result =
            timeout(left, model.generate(&question.prompt)).await.unwrap_or(Err(GenerateError::Timeout));
        match &result {
            Err(error @ (GenerateError::DailyQuota { .. } | GenerateError::ModelAbsent { .. }))
                if next.is_some() =>
            {
                warn!(error = app::telemetry::chain(error), "asking the fallback model instead");
                model_rate_limit::settle(app, name, question.call, &result).await;
            }
            _ => return Ok(Asked::Made(name.clone(), result)),
        }
    }
    Ok(Asked::NoModelLeft)
}

/// A cautious guess at the tokens of a prompt.
fn estimate(prompt: &Prompt) -> usize {
    let texts =
        prompt.turns.iter().map(|turn| turn.text.as_str()).chain(prompt.system_instruction.as_deref());
    texts.map(|text| estimate_tokens(text) + TURN_TOKENS).sum()
}
