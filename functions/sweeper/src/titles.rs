//! Sends the jobs of stranded titles again: their worker died, or had no time left.

use app::AppState;
use futures::{StreamExt, stream};
use services::jobs;
use store::chatrooms::titles::{self, StrandedTitle};
use tracing::info;

use crate::SweepError;

/// Maximum number of titles that one sweep handles.
const LIMIT: i64 = 500;
/// The number of resends after which a chatroom keeps its name. Each can cost a call to the model.
const MAX_RESENDS: i16 = 3;
/// The number of concurrent requests to SQS.
const CONCURRENCY: usize = 10;

/// Sends the jobs of stranded titles and returns their number, with those that are given up. Titles
/// whose job could not be sent are due again later.
pub(crate) async fn resend_stranded(app: &AppState) -> Result<usize, SweepError> {
    let now = app.clock.now();
    let stranded = titles::claim_stranded(&app.db().await?, now, LIMIT, MAX_RESENDS).await?;
    let count = stranded.len();
    let sends = stream::iter(stranded).map(
        |StrandedTitle { chatroom_id, generation_id, resend, origin }| async move {
            let Some(resend) = resend else {
                info!(chatroom.id = %chatroom_id, "no title after several attempts");
                return;
            };
            let queued = jobs::enqueue_title(app, chatroom_id, generation_id, resend, origin.as_ref());
            if queued.await.is_queued() {
                info!(chatroom.id = %chatroom_id, resend, "resent the job of a title");
            }
        },
    );
    sends.buffer_unordered(CONCURRENCY).collect::<Vec<()>>().await;
    Ok(count)
}
