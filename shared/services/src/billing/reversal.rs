//! Refunds and disputes, which end a subscription if the configuration says so.

use app::{AppState, CancelOnDispute};
use clients::stripe::{Charge, Stripe};
use store::subscriptions;
use tracing::info;

use super::{BillingError, LockedAccount};

/// A payment that was taken back, by Stripe's id of the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reversal<'a> {
    /// The charge with this id was refunded, in part or fully.
    Refund(&'a str),
    /// The dispute with this id was opened or closed.
    Dispute(&'a str),
}

/// Ends the subscription whose latest invoice was paid by the reversed payment, if the
/// configuration says so: after a full refund, or after a dispute. Reads everything from Stripe
/// again, because an event may be old. Returns whether it ended one.
pub async fn end_reversed_subscription(app: &AppState, reversal: Reversal<'_>) -> Result<bool, BillingError> {
    let Some(charge) = find_ending_charge(app, reversal).await? else { return Ok(false) };
    let (Some(customer), Some(payment)) = (charge.customer, charge.payment_intent) else { return Ok(false) };
    let mut db = app.db().await?;
    let Some(user) = subscriptions::find_user_by_customer(&db, &customer).await? else { return Ok(false) };
    let invoices = app.stripe()?.list_invoices_paid_by(&payment).await?;
    let Some(account) = LockedAccount::open(app, &mut db, user).await? else { return Ok(false) };
    let Some(mut found) = account.subscriptions().await? else { return Ok(false) };
    // The refund of an older invoice leaves the period that is paid now.
    let is_reversed = |one: &domain::subscription::Subscription| {
        let invoice = one.details.latest_invoice_id.as_ref();
        !one.status.is_over() && invoice.is_some_and(|invoice| invoices.contains(invoice))
    };
    let ends = found.iter().any(is_reversed);
    account.cancel_at_once(&mut found, is_reversed).await?;
    account.commit(found).await?;
    if ends {
        info!(user.id = %user, "a subscription was ended because its payment was taken back");
    }
    Ok(ends)
}

/// The charge, if its reversal is to end the subscription.
async fn find_ending_charge(app: &AppState, reversal: Reversal<'_>) -> Result<Option<Charge>, BillingError> {
    let (stripe, billing) = (app.stripe()?, &app.config.billing);
    match reversal {
        Reversal::Refund(charge) if billing.cancel_on_refund => {
            Ok(Some(stripe.find_charge(charge).await?).filter(|charge| charge.refunded))
        }
        Reversal::Dispute(id) if billing.cancel_on_dispute != CancelOnDispute::Never => {
            find_disputed_charge(stripe, id, billing.cancel_on_dispute).await
        }
        _ => Ok(None),
    }
}

async fn find_disputed_charge(
    stripe: &Stripe,
    id: &str,
    setting: CancelOnDispute,
) -> Result<Option<Charge>, BillingError> {
    let dispute = stripe.find_dispute(id).await?;
    let is_ending = match setting {
        CancelOnDispute::Never => false,
        CancelOnDispute::Lost => dispute.status == "lost",
        // Inquiries of the bank, `warning_...`, take no money.
        CancelOnDispute::Opened => {
            matches!(dispute.status.as_str(), "needs_response" | "under_review" | "lost")
        }
    };
    if is_ending { Ok(Some(stripe.find_charge(&dispute.charge).await?)) } else { Ok(None) }
}
