//! The response to a message that was accepted: sent for the first time, or retried.

use chrono::{DateTime, Utc};
use domain::MessageId;
use domain::quota::Usage;
use serde::{Deserialize, Serialize};
use services::jobs::QueueStatus;

use crate::views::MessageView;

/// The response.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct AcceptedMessage {
    pub(crate) message: MessageView,
    pub(crate) queue_status: QueueStatus,
}

/// What an idempotent operation stores of the response: everything but the text.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct MessageReceipt {
    pub(crate) id: MessageId,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) queue_status: QueueStatus,
    pub(crate) usage: Usage,
}
