//! Limits of costly requests of one user, beside the limit on all requests.

use app::AppState;
use clients::redis::token_bucket::{Bucket, Limit};
use domain::UserId;

use crate::ApiError;

/// Charges one request of `user` to the limit `name`. Without Redis nothing is limited.
///
/// # Errors
/// 429 `rate_limited`: the limit is reached.
pub async fn charge(app: &AppState, user: UserId, name: &str, limit: Limit) -> Result<(), ApiError> {
    let bucket = Bucket::new(format!("{name}:{user}"), limit);
    let decisions = app.rate_limiter.consume(&[bucket]).await;
    let wait = decisions.iter().find_map(|decision| decision.retry_after);
    wait.map_or(Ok(()), |wait| Err(ApiError::rate_limited(wait)))
}
