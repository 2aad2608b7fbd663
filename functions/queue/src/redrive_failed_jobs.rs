//! Retries many failed messages.

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
use store::generations::Resend;
use store::generations::admin;
use tokio::time::sleep;
use tracing::info;
use web::{Admin, ApiError, ClientInfo, Valid, success};

/// How many jobs are sent concurrently.
const CONCURRENCY: usize = 10;
/// The longest time for sending, so that the operator gets a response before the time limit of the
/// function. The sweeper sends the rest.
const MAX_WAIT: Duration = Duration::from_secs(15);

/// Which failed messages to retry.
#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
pub(crate) struct RedriveFailedJobs {
    /// Only messages that failed with this code. Without it: with any code that a retry may cure.
    #[garde(skip)]
    error_code: Option<ErrorCode>,
    /// The largest number of messages.
    #[serde(default, deserialize_with = "integer")]
    #[schema(minimum = 1, maximum = 500, default = 100)]
    #[garde(range(min = 1, max = 500))]
    limit: Option<i64>,
}

/// An integer, which JSON may also write as `100.0` or `1e2`.
fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let Some(number) = Option::<Number>::deserialize(deserializer)? else { return Ok(None) };
    let written_as_float = || number.as_f64().filter(|float| float.fract() == 0.0)?.to_string().parse().ok();
    match number.as_i64().or_else(written_as_float) {
        Some(integer) => Ok(Some(integer)),
        None => Err(de::Error::invalid_type(de::Unexpected::Other("number"), &"i64")),
    }
}

/// How many messages are retried.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct RedrivenJobs {
    message: &'static str,
    /// The number of messages that are retried.
    redriven: usize,
    /// How many of them are on the queue. The sweeper sends the others within two minutes.
    queued: usize,
}

/// Retries failed messages, oldest failure first.
///
/// It costs their owners no quota.
#[utoipa::path(
    post, path = "/api/queue/redrive",
    security(("token" = [])),
    request_body = RedriveFailedJobs,
    responses(
        (status = 200, description = "The messages will be answered.", body = RedrivenJobs),
        (status = 403, description = "`forbidden`, `account_suspended`: This requires the role admin."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    Admin(caller): Admin,
    client: ClientInfo,
    Valid(input): Valid<RedriveFailedJobs>,
) -> Result<impl IntoResponse, ApiError> {
    let (limit, now) = (input.limit.unwrap_or(100), app.clock.now());
    let codes = input.error_code.map_or_else(ErrorCode::retryable, |code| vec![code]);
    let retried = admin::retry_oldest(&app.db().await?, &codes, limit, caller.operator(&client), now).await?;
    let redriven = retried.len();
    let app = &app;
    let sends = stream::iter(retried).map(|resend: Resend| async move {
        let Resend { generation_id, chatroom_id, number, origin } = resend;
        jobs::enqueue(app, chatroom_id, generation_id, number, origin.as_ref()).await
    });
    let sends = sends.buffer_unordered(CONCURRENCY).take_until(sleep(MAX_WAIT));
    let queued = sends.filter(|status| std::future::ready(status.is_queued())).count().await;
    info!(redriven, queued, operator.id = %caller.user_id, "an operator redrove failed jobs");
    Ok(success(RedrivenJobs { message: "Failed jobs redriven", redriven, queued }))
}
