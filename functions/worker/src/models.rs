//! Which model answers, and what operators must know about models: that Google answers with another
//! one than asked for, or has retired one.

use app::metrics::MetricEvent;
use app::{AppState, Model, Models, is_version_of};
use clients::gemini::{Answer, GenerateError, Prompt};
use store::generations::claiming::ClaimedGeneration;
use tracing::{info, warn};

/// The model for `work`: the one that the user has chosen, if the plan includes it, or else the
/// default of the plan. A plan that has ended is no error.
pub(crate) fn choose<'a>(models: &'a Models, work: &ClaimedGeneration) -> &'a Model {
    let model = models.choose(work.tier, work.wanted_models.iter().map(String::as_str));
    if let Some(wanted) = work.wanted_models.first().filter(|wanted| **wanted != model.id) {
        info!(generation.id = %work.generation_id, wanted, model = model.id, "the chosen model is not in the plan");
    }
    model
}

/// Changes `prompt` for another model.
pub(crate) fn use_model(prompt: &mut Prompt, model: &Model) {
    prompt.model.clone_from(&model.id);
    prompt.max_output_tokens = model.max_output_tokens;
    prompt.thinking_level = model.thinking_level;
}

/// Reports an answer of another model than `asked`, and a model that does not exist.
pub(crate) fn report(app: &AppState, asked: &str, result: &Result<Answer, GenerateError>) {
    match result {
        Ok(answer) if !is_version_of(asked, &answer.model) => {
            let answered = &answer.model;
            warn!(event = "model_replaced", asked, answered, "another model answered than the one asked for");
        }
        Err(GenerateError::ModelNotFound { .. }) => {
            warn!(event = "model_retired", asked, "Gemini has no such model, or no longer");
        }
        _ => return,
    }
    app.metrics.emit(&MetricEvent::ModelChanged);
}
