//! Puts an accepted message on the queue.

use app::AppState;
use domain::{ChatroomId, MessageId};
use serde::{Deserialize, Serialize};

/// Whether the worker has been told of the message.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum QueueStatus {
    /// It has.
    Queued,
    /// The queue did not answer; the message is stored, and will be sent from there.
    Delayed,
}

/// Tells the worker.
pub(crate) async fn enqueue(
    app: &AppState,
    room: ChatroomId,
    message: MessageId,
    resend: i32,
) -> QueueStatus {
    if app.enqueue(room, message, resend).await { QueueStatus::Queued } else { QueueStatus::Delayed }
}
