//! Jobs, as functions hand them over and keep records of them.

use std::time::Duration;

use clients::table::jobs::JobRecord;
use domain::{ChatroomId, MessageId};
use tokio::time::timeout;
use tracing::{error, warn};

use crate::AppState;
use crate::telemetry::chain;

/// How long telling the queue, or writing a record, may take: neither is worth more of a client's or a worker's time.
const PATIENCE: Duration = Duration::from_secs(2);

impl AppState {
    /// Tells the worker of a message, for the `resend`th time. It is stored already, so a queue that does not answer loses
    /// nothing: the sweeper sends it again. Answers whether the queue has it.
    pub async fn enqueue(&self, room: ChatroomId, message: MessageId, resend: i32) -> bool {
        let sent = timeout(PATIENCE, async {
            let queue = self.queue().map_err(|error| chain(&error))?;
            queue.send_message(room, message, resend).await.map_err(|error| chain(&error))
        });
        let sent = sent.await.unwrap_or_else(|elapsed| Err(elapsed.to_string()));
        if let Err(error) = &sent {
            error!(error, message.id = %message, resend, "a stored message could not be queued");
            // The sweeper is to see to it, whether the request could be counted or not.
            if let Err(error) = self.redis.record_activity().await {
                warn!(error = chain(&error), "the sweeper may take up to an hour");
            }
        }
        sent.is_ok()
    }

    /// Keeps how attempts at messages ended. That is for the operator's eyes: no message waits for it, and where it cannot be
    /// written the log says so.
    pub async fn record_jobs(&self, records: &[JobRecord]) {
        if records.is_empty() {
            return;
        }
        let written = timeout(
            PATIENCE,
            Box::pin(async {
                let table = self.table().map_err(|error| chain(&error))?;
                table.save_jobs(records).await.map_err(|error| chain(&error))
            }),
        );
        let written = written.await.unwrap_or_else(|elapsed| Err(elapsed.to_string()));
        if let Err(error) = written {
            for record in records {
                warn!(error, message.id = %record.message_id, "how an attempt ended is not on record");
            }
        }
    }
}
