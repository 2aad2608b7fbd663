//! Resends stranded messages: stored messages that no job on the queue will bring to a worker.

use app::AppState;
use futures::{StreamExt, stream};
use services::jobs;
use store::generations::{Resend, sweeping};
use tracing::info;

use crate::SweepError;

/// Maximum number of messages that one sweep resends.
const LIMIT: i64 = 500;
/// The number of concurrent requests to SQS.
const CONCURRENCY: usize = 10;

/// Puts stranded messages back on the queue and returns how many. Messages that could not be sent
/// are due again later.
pub(crate) async fn resend_stranded(app: &AppState) -> Result<usize, SweepError> {
    let stranded = sweeping::claim_stranded(&app.db().await?, app.clock.now(), LIMIT).await?;
    let sends = stream::iter(stranded).map(
        |Resend { generation_id: id, chatroom_id, number: resend, origin }| async move {
            let is_queued = jobs::enqueue(app, chatroom_id, id, resend, origin.as_ref()).await.is_queued();
            if is_queued {
                let trace_id = origin.as_ref().map(|origin| origin.trace.trace_id());
                let request_id = origin.as_ref().and_then(|origin| origin.request_id.as_deref());
                info!(generation.id = %id, resend, trace_id, request_id, "resent a stranded job");
            }
            is_queued
        },
    );
    let sends = sends.buffer_unordered(CONCURRENCY);
    Ok(sends.filter(|is_queued| std::future::ready(*is_queued)).count().await)
}
