//! [`Deadline`]: when Lambda stops the function.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use app::AppState;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use lambda_http::Context;
use tokio::time::Instant;

/// The time for an invocation whose deadline is unknown.
const DEFAULT: Duration = Duration::from_mins(5);

/// When Lambda stops the invocation, whatever it does then.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(pub Instant);

impl FromRequestParts<Arc<AppState>> for Deadline {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<AppState>) -> Result<Self, Infallible> {
        let deadline = parts.extensions.get::<Context>().map_or(0, |context| context.deadline);
        let now = u64::try_from(app.clock.now().timestamp_millis()).unwrap_or_default();
        Ok(Self(Instant::now() + time_left(deadline, now)))
    }
}

/// The time from `now` to `deadline`, both in milliseconds since 1970. Lambda runs no invocation
/// whose deadline has passed: such a deadline comes from `cargo lambda watch`, which sends a
/// constant.
fn time_left(deadline: u64, now: u64) -> Duration {
    deadline.checked_sub(now).map_or(DEFAULT, Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadline_that_has_passed_is_unknown() {
        let now = 1_795_348_800_000;
        assert_eq!(time_left(now + 7_000, now), Duration::from_secs(7));
        for past in [0, 600_000, now - 1] {
            assert_eq!(time_left(past, now), DEFAULT, "{past}");
        }
    }
}
