//! Lists the models that the caller may use.

use std::sync::Arc;

use app::{AppState, Model};
use axum::extract::State;
use axum::response::IntoResponse;
use clients::gemini::ThinkingLevel;
use serde::Serialize;
use store::users;
use web::{ApiError, Caller, success};

/// The models of a plan.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ModelList {
    models: Vec<ModelView>,
}

/// A model.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ModelView {
    /// The value of `model` in other requests.
    id: String,
    /// The name for users.
    name: String,
    /// How much it can think, from the least to the most; empty if that is not known.
    thinking_levels: Vec<String>,
    /// The level of its answers. Null: the model decides.
    thinking_level: Option<String>,
    /// The most visible tokens of an answer.
    max_output_tokens: u32,
    /// The most tokens of a prompt. Null: only the service's limit for the history applies.
    max_input_tokens: Option<usize>,
    /// Whether it answers where no model is chosen.
    default: bool,
}

impl ModelView {
    fn new(model: &Model, default: &Model) -> Self {
        Self {
            id: model.id.clone(),
            name: model.name.clone(),
            thinking_levels: model.thinking_levels.iter().copied().map(ThinkingLevel::name).collect(),
            thinking_level: model.thinking_level.map(ThinkingLevel::name),
            max_output_tokens: model.max_output_tokens,
            max_input_tokens: model.max_input_tokens,
            default: model.id == default.id,
        }
    }
}

/// Lists the models that the caller's plan may use.
///
/// Choose one for a chatroom, or for another answer to a question.
#[utoipa::path(
    get, path = "/api/chatroom/models",
    security(("token" = [])),
    responses(
        (status = 200, description = "The models.", body = ModelList),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
) -> Result<impl IntoResponse, ApiError> {
    let tier = users::find_tier(&app.db().await?, caller.user_id).await?;
    let tier = tier.ok_or_else(|| ApiError::not_found("account"))?;
    let models = &app.config.gemini.models;
    let default = models.default_of(tier);
    let models = models.of_plan(tier).map(|model| ModelView::new(model, default)).collect();
    Ok(success(ModelList { models }))
}
