//! `POST /api/queue/redrive`.

use std::sync::Arc;

use std::time::Duration;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::message::ErrorCode;
use futures::{StreamExt, stream};
use garde::Validate;
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Number;
use services::jobs;
use store::messages::Resend;
use store::messages::admin;
use tokio::time::sleep;
use tracing::info;
use web::{Admin, ApiError, Valid, success};

/// How many jobs are sent at once.
const AT_ONCE: usize = 10;
/// How long sending all of them may take, so that the operator is told what was done.
const PATIENCE: Duration = Duration::from_secs(15);

#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
pub(crate) struct Redrive {
    /// Only those that failed for this reason; else those whose reason may be gone.
    #[garde(skip)]
    error_code: Option<ErrorCode>,
    /// How many at the most.
    #[serde(default, deserialize_with = "whole")]
    #[schema(minimum = 1, maximum = 500, default = 100)]
    #[garde(range(min = 1, max = 500))]
    limit: Option<i64>,
}

/// A whole number, which JSON may also write as `100.0` or `1e2`.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let Some(number) = Option::<Number>::deserialize(deserializer)? else { return Ok(None) };
    let written_as_float = || number.as_f64().filter(|float| float.fract() == 0.0)?.to_string().parse().ok();
    match number.as_i64().or_else(written_as_float) {
        Some(whole) => Ok(Some(whole)),
        None => Err(de::Error::invalid_type(de::Unexpected::Other("number"), &"i64")),
    }
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Answer {
    message: &'static str,
    /// How many are answered again.
    redriven: usize,
    /// How many of them the queue has; the others are sent by the sweeper within two minutes.
    queued: usize,
}

/// Has failed messages answered again, those that failed first first, at no cost to their owners.
#[utoipa::path(
    post, path = "/api/queue/redrive", operation_id = "redrive", tag = "Queue",
    security(("token" = [])),
    request_body = Redrive,
    responses(
        (status = 200, description = "They will be answered.", body = Answer),
        (status = 403, description = "`forbidden`: Only an operator may do this."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    Admin(caller): Admin,
    Valid(input): Valid<Redrive>,
) -> Result<impl IntoResponse, ApiError> {
    let (limit, now) = (input.limit.unwrap_or(100), app.clock.now());
    let codes = input.error_code.map_or(ErrorCode::RETRYABLE.to_vec(), |code| vec![code]);
    let revived = admin::retry_oldest(&app.db().await?, &codes, limit, now).await?;
    let redriven = revived.len();
    let sends = stream::iter(revived).map(|Resend { message_id: id, chatroom_id, number: resend }| {
        jobs::enqueue(&app, chatroom_id, id, resend)
    });
    let sends = sends.buffer_unordered(AT_ONCE).take_until(sleep(PATIENCE));
    let queued = sends.filter(|status| std::future::ready(status.is_queued())).count().await;
    info!(redriven, queued, operator.id = %caller.user_id, "redriven by an operator");
    Ok(success(Answer { message: "The messages are answered again", redriven, queued }))
}
