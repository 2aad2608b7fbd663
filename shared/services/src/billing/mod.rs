//! Billing: brings an account in line with Stripe, which is the source of truth for subscriptions.
//! Webhooks, requests and the sweeper all read the customer's subscriptions from Stripe and write
//! the resulting plan under one lock ([`LockedAccount`]).

mod close_account;
mod error;
mod locked_account;
mod reversal;
mod unknown_customer;

use app::AppState;
use domain::UserId;

pub use self::error::BillingError;
pub use self::locked_account::{Entitlement, LockedAccount, StripeSubscriptions};
pub use self::reversal::{Reversal, end_reversed_subscription};
pub use self::unknown_customer::{Resolution, resolve_unknown_customer, resolve_unknown_customers};

/// Reads the subscriptions of `user` from Stripe and writes the plan that follows from them.
/// Returns `None` when `user` has no customer at Stripe.
///
/// When the account is being deleted, this ends everything at Stripe that could still cost money,
/// deletes the billing row and returns `None`. After an error nothing is written.
pub async fn sync_subscription(app: &AppState, user: UserId) -> Result<Option<Entitlement>, BillingError> {
    let mut db = app.db().await?;
    let Some(account) = LockedAccount::lock(app, &mut db, user).await? else { return Ok(None) };
    if account.is_deleted() {
        account.close().await?;
        return Ok(None);
    }
    match account.subscriptions().await? {
        Some(found) => Ok(Some(account.commit(found).await?)),
        None => Ok(None),
    }
}
