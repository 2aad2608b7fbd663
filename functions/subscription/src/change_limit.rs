//! A limit on changes of one user's subscription. Each change locks the account while Stripe is called, and
//! those that wait for the lock hold a connection to Postgres.

use std::time::Duration;

use app::AppState;
use clients::redis::token_bucket::Limit;
use domain::UserId;
use web::{ApiError, user_limit};

const CHANGES: Limit = Limit { max: 30, window: Duration::from_mins(15) };

/// Charges one change to the limit of `user`.
///
/// # Errors
/// 429 `rate_limited`: the limit is reached.
pub(crate) async fn charge(app: &AppState, user: UserId) -> Result<(), ApiError> {
    user_limit::charge(app, user, "subscription-changes", CHANGES).await
}
