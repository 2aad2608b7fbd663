//! Messages that are stored but that no delivery will bring to a worker any more.

use app::AppState;
use futures::{StreamExt, stream};
use store::messages::{Resend, sweeping};
use tracing::info;

use crate::SweepError;

/// The most messages that one sweep puts back.
const LIMIT: i64 = 500;
/// How many are sent at once.
const AT_ONCE: usize = 10;

/// Puts stranded messages on the queue again and answers how many. One that cannot be sent has its turn again later.
pub(crate) async fn resend(app: &AppState) -> Result<usize, SweepError> {
    let stranded = sweeping::claim_stranded(&app.db().await?, app.clock.now(), LIMIT).await?;
    let sends =
        stream::iter(stranded).map(|Resend { message_id: id, chatroom_id, number: resend }| async move {
            let sent = app.enqueue(chatroom_id, id, resend).await;
            if sent {
                info!(message.id = %id, resend, "put on the queue again");
            }
            sent
        });
    Ok(sends.buffer_unordered(AT_ONCE).filter(|sent| std::future::ready(*sent)).count().await)
}
