//! `POST /api/chatroom/message/{id}/retry`.

use app::App;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::MessageId;
use domain::quota::{self, Usage};
use store::messages::steering::{self, Revived};
use web::{ApiError, Caller, Id, success};

use crate::accepting::{Accepted, enqueue, quota_exhausted, quota_headers};
use crate::message_status::wrong_state;

/// Has a message that failed answered again. It costs a unit of quota: its own was given back when it failed.
pub(crate) async fn handle(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<MessageId>,
) -> Result<impl IntoResponse, ApiError> {
    let (now, limits) = (app.clock.now(), app.config.daily_limits);
    let db = app.db().await?;
    match steering::revive(&db, caller.user_id, id, quota::day_of(now), now, limits).await? {
        Revived::Accepted { message, chatroom_id, resend, used, tier } => {
            let queue_status = enqueue(&app, chatroom_id, id, resend).await;
            let usage = Usage::new(used, limits.of(tier), now);
            Ok((quota_headers(&usage), success(Accepted { message: message.into(), queue_status })))
        }
        Revived::QuotaExhausted { used, tier } => {
            Err(quota_exhausted(Usage::new(used, limits.of(tier), now), now))
        }
        Revived::NotFailed => {
            Err(wrong_state(&db, caller.user_id, id, "only a message that failed can be answered again")
                .await)
        }
    }
}
