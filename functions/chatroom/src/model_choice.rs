//! The model that a user chooses, for a chatroom or for one answer.

use app::AppState;
use axum::http::StatusCode;
use domain::{Text, Tier, UserId};
use store::users;
use web::ApiError;

/// The id of a model in a request.
pub(crate) type ModelId = Text<0, 100>;

/// The id of the model that `owner` chooses. `None` without one, or if it is empty.
///
/// # Errors
/// 400 if there is no such model, 403 if the plan of `owner` does not include it.
pub(crate) async fn chosen_model<'a>(
    app: &AppState,
    owner: UserId,
    model: Option<&'a ModelId>,
) -> Result<Option<&'a str>, ApiError> {
    let Some(id) = model.map(Text::trim).filter(|id| !id.is_empty()) else { return Ok(None) };
    let models = &app.config.gemini.models;
    let Some(model) = models.find(id).filter(|model| !model.plans.is_empty()) else {
        let error = "model: must be one of GET /api/chatroom/models";
        return Err(ApiError::invalid(vec![error.to_owned()]));
    };
    let tier = users::find_tier(&app.db().await?, owner).await?;
    let tier = tier.ok_or_else(|| ApiError::not_found("account"))?;
    if model.plans.contains(&tier) { Ok(Some(id)) } else { Err(needs_other_plan(&model.name, &model.plans)) }
}

fn needs_other_plan(name: &str, plans: &[Tier]) -> ApiError {
    let detail = format!("{name} is not part of your plan; change the plan, or choose another model");
    ApiError::new(StatusCode::FORBIDDEN, "model_not_in_plan", detail).with("plans", plans)
}
