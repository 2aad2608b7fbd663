//! The response to an answer that was requested: by a new message, an edited one, a retry, or for
//! another answer.

use serde::Serialize;
use services::jobs::QueueStatus;
use web::MessageView;

/// The response.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct AcceptedMessage {
    pub(crate) message: MessageView,
    pub(crate) queue_status: QueueStatus,
}
