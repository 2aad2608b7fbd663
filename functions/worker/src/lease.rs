//! Renews the lease of a generation while the worker works on it.

use std::pin::pin;

use app::AppState;
use app::telemetry::chain;
use futures::future::{Either, select};
use store::generations::processing::{self, Lease, Renewal};
use store::with_timeout;
use tokio::time::sleep;
use tracing::warn;

use crate::live_answer::LiveAnswer;
use crate::outcome::{RENEWALS_PER_LEASE, STATEMENT_TIMEOUT};

/// Runs `work`, and renews `lease` meanwhile. When the lease is lost, `live` stops the call: its writes
/// have no effect any more, and if the message was deleted, the call would hold one of the user's places
/// that is free for another. Its tokens are counted. A renewal also finds a request to stop that `live`
/// has missed, because it reached Postgres and not Redis.
pub(crate) async fn renew_while<T>(
    app: &AppState,
    lease: Lease,
    live: &LiveAnswer<'_>,
    work: impl Future<Output = T>,
) -> T {
    let renewals = renew_until_lost(app, lease, live);
    match select(pin!(work), pin!(renewals)).await {
        Either::Left((result, _)) => result,
        Either::Right(((), work)) => work.await,
    }
}

/// Renews the lease until it is lost.
async fn renew_until_lost(app: &AppState, lease: Lease, live: &LiveAnswer<'_>) {
    let duration = app.config.worker.lease;
    loop {
        sleep(duration / RENEWALS_PER_LEASE).await;
        let renewed = with_timeout(STATEMENT_TIMEOUT, async {
            let until = app.clock.now() + duration;
            processing::renew_lease(&app.db().await?, lease, until).await
        });
        match renewed.await {
            Ok(Renewal::Renewed { is_cancel_requested: true }) => live.stop(),
            Ok(Renewal::Renewed { is_cancel_requested: false }) => {}
            Ok(Renewal::Lost) => {
                warn!(generation.id = %lease.generation_id, "the lease is lost; the call is stopped");
                live.stop();
                return;
            }
            Err(error) => {
                warn!(error = chain(&error), generation.id = %lease.generation_id, "the lease is not renewed");
            }
        }
    }
}
