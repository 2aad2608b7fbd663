//! Requests another answer to a question of the caller.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use domain::{MessageId, UserId};
use garde::Validate;
use serde::Deserialize;
use services::answer_requests::{self, RegenerationReceipt};
use store::messages;
use web::{ApiError, Caller, Execution, Id, MessageView, Operation, OptionalBody, quota_headers, success};

use crate::accepted_message::AcceptedMessage;
use crate::model_choice::{ModelId, chosen_model};

/// How to answer again.
#[derive(Debug, Default, Deserialize, Validate, utoipa::ToSchema)]
pub(crate) struct RegenerateAnswer {
    /// The id of the model that answers. Without one, that of the chatroom.
    #[garde(dive)]
    model: Option<ModelId>,
}

/// Requests another answer to a question.
///
/// The message is the question or one of its answers. The new answer is made from the question and
/// what precedes it; the chatroom shows it instead of the others, which remain. It costs one unit of
/// the daily quota.
#[utoipa::path(
    post, path = "/api/chatroom/message/{id}/regenerate",
    security(("token" = [])),
    request_body = Option<RegenerateAnswer>,
    params(("id" = MessageId, Path, description = "The question, or an answer to it.")),
    responses(
        (status = 201, description = "The question will be answered again.", body = AcceptedMessage),
        (status = 403, description = "`model_not_in_plan`, `account_suspended`: The plan does not include the model, or an operator has suspended the account."),
        (status = 409, description = "`wrong_state`, `request_in_flight`: The previous answer is not finished, or another request with this key is in progress."),
        (status = 429, description = "`daily_quota_exhausted`, `rate_limited`: All messages of the day are used, or too many requests."),
        (status = 503, description = "`sending_paused`, `model_paused`, `spend_cap_reached`, `unavailable`: An operator has paused sending or the models, a spending cap of the day is reached, or a dependency does not respond."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
    Id(id): Id<MessageId>,
    operation: Operation,
    OptionalBody(input): OptionalBody<RegenerateAnswer>,
) -> Result<impl IntoResponse, ApiError> {
    let (owner, model) = (caller.user_id, input.model.as_ref());
    let receipt = operation.once(&app, |execution| request(&app, owner, id, model, execution)).await?;
    let RegenerationReceipt { question_id, queue_status, usage } = receipt;
    let question = messages::find(&app.db().await?, owner, question_id).await?;
    let question = question.ok_or_else(|| ApiError::not_found("message"))?;
    // The state of the moment when it was accepted. A worker may have claimed it since.
    let message = MessageView::pending(question_id, &question.content, question.created_at);
    Ok((StatusCode::CREATED, quota_headers(&usage), success(AcceptedMessage { message, queue_status })))
}

async fn request(
    app: &AppState,
    owner: UserId,
    id: MessageId,
    model: Option<&ModelId>,
    execution: Execution,
) -> Result<RegenerationReceipt, ApiError> {
    if execution.is_retry
        && let Some(receipt) = answer_requests::resume_regeneration(app, owner, execution).await?
    {
        return Ok(receipt);
    }
    let model = chosen_model(app, owner, model).await?;
    Ok(answer_requests::regenerate(app, owner, id, model, execution).await?)
}
