//! Messages that are stored but that no delivery will bring to a worker any more.

use app::App;
use app::telemetry::chain;
use futures::{StreamExt, stream};
use store::messages::sweeping::{self, Stranded};
use tracing::{error, info};

use crate::SweepError;

/// The most messages that one sweep puts back.
const LIMIT: i64 = 500;
/// How many are sent at once.
const AT_ONCE: usize = 10;

/// Puts stranded messages on the queue again and answers how many. One that cannot be sent has its turn again later.
pub(crate) async fn resend(app: &App) -> Result<usize, SweepError> {
    let queue = app.queue()?;
    let stranded = sweeping::take_stranded(&app.db().await?, app.clock.now(), LIMIT).await?;
    let sends = stream::iter(stranded).map(|Stranded { id, chatroom_id, resend }| async move {
        match queue.send_message(chatroom_id, id, resend).await {
            Ok(()) => {
                info!(message.id = %id, resend, "put on the queue again");
                true
            }
            Err(error) => {
                error!(error = chain(&error), message.id = %id, resend, "could not be put on the queue");
                false
            }
        }
    });
    Ok(sends.buffer_unordered(AT_ONCE).filter(|sent| std::future::ready(*sent)).count().await)
}
