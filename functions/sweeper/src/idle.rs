//! Letting the database sleep: Neon does after five minutes in which nobody asks it anything, and costs nothing then.

use std::time::Duration;

use app::AppState;
use app::telemetry::chain;
use clients::redis::activity::Activity;
use store::pending_work::{self, PendingWork};
use tracing::{info, warn};

use crate::SweepError;

/// The longest time in which nothing is looked at.
const LONGEST: Duration = Duration::from_mins(55);
/// How far two sweeps are apart at the least that show that it is quiet: a request that was counted before the first has written
/// what it writes by the second.
pub(crate) const APART: Duration = Duration::from_secs(40);

/// What is known of it; `None` where Redis cannot be asked, and there is a sweep then.
pub(crate) async fn find(app: &AppState) -> Option<Activity> {
    let found = app.redis.find_activity().await;
    found.inspect_err(|error| warn!(error = chain(error), "swept without knowing whether it is quiet")).ok()
}

/// Remembers that a sweep found nothing to do. Once that has been so for as long as `apart`, with nobody having asked for anything in
/// between, there is no sweep until somebody does, or until a time that is set for something.
pub(crate) async fn keep(app: &AppState, activity: &Activity, apart: Duration) -> Result<(), SweepError> {
    let now = app.clock.now();
    let PendingWork { is_unfinished, next_review_at } = pending_work::find(&app.db().await?).await?;
    let next = next_review_at.map(|next| (next - now).to_std().unwrap_or_default());
    let rest = next.map_or(LONGEST, |next| next.min(LONGEST));
    if is_unfinished || rest.is_zero() {
        return Ok(());
    }
    let kept = match activity.seen_for {
        None => app.redis.keep_seen(activity).await,
        Some(time) if time < apart => Ok(()),
        Some(_) => {
            info!(seconds = rest.as_secs(), "quiet");
            app.redis.keep_idle(activity, rest).await
        }
    };
    if let Err(error) = kept {
        warn!(error = chain(&error), "that there is nothing to do is not remembered");
    }
    Ok(())
}
