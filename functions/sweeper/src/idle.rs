//! Stops sweeping while the service is idle, so that the database can suspend. Neon suspends after
//! five minutes without a query, and costs nothing then.

use std::time::Duration;

use app::AppState;
use app::telemetry::chain;
use clients::redis::activity::Activity;
use store::pending_work::{self, PendingWork};
use tracing::{info, warn};

use crate::SweepError;

/// Maximum time without a sweep.
const MAX_IDLE_TIME: Duration = Duration::from_mins(55);
/// Minimum interval between the two empty sweeps that mark the service idle. A request that was
/// counted before the first sweep has written its rows by the second.
pub(crate) const MIN_INTERVAL: Duration = Duration::from_secs(40);

/// Reads the activity of the service. `None` when Redis is unreachable; the sweep then takes place.
pub(crate) async fn find_activity(app: &AppState) -> Option<Activity> {
    let found = app.redis.find_activity().await;
    found.inspect_err(|error| warn!(error = chain(error), "activity unknown: sweeping anyway")).ok()
}

/// Records an empty sweep. After two empty sweeps at least `min_interval` apart, with no request in
/// between, the service is idle: no sweep takes place until the next request or the next review.
pub(crate) async fn record_empty_sweep(
    app: &AppState,
    activity: &Activity,
    min_interval: Duration,
) -> Result<(), SweepError> {
    let now = app.clock.now();
    let PendingWork { is_unfinished, next_review_at } = pending_work::find(&app.db().await?).await?;
    let until_review = next_review_at.map(|next| (next - now).to_std().unwrap_or_default());
    let idle_time = until_review.map_or(MAX_IDLE_TIME, |time| time.min(MAX_IDLE_TIME));
    if is_unfinished || idle_time.is_zero() {
        return Ok(());
    }
    let recorded = match activity.seen_for {
        None => app.redis.record_empty_sweep(activity).await,
        Some(time) if time < min_interval => Ok(()),
        Some(_) => {
            info!(seconds = idle_time.as_secs(), "idle: no sweep until the next request or review");
            app.redis.mark_idle(activity, idle_time).await
        }
    };
    if let Err(error) = recorded {
        warn!(error = chain(&error), "failed to record an empty sweep");
    }
    Ok(())
}
