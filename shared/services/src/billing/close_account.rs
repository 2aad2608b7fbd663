//! Ends the billing of a deleted account, and closes checkout pages.

use clients::stripe::Customer;
use store::{StoreError, subscriptions, unknown_customers};
use tracing::{error, info};

use super::locked_account::{LockedAccount, StripeSubscriptions};
use super::{BillingError, unknown_customer};

impl LockedAccount<'_> {
    /// Closes all open checkout pages of the account's customer. Fails while a payment is under way
    /// on one of them.
    pub(super) async fn close_checkout_pages(&self) -> Result<(), BillingError> {
        let Some(customer) = self.customer_id() else { return Ok(()) };
        let stripe = self.app.stripe()?;
        let pages = match stripe.list_open_checkouts(customer).await {
            Err(error) if error.is_missing_customer() => Vec::new(),
            pages => pages?,
        };
        for page in pages {
            if !stripe.expire_checkout(&page.id).await? {
                return Err(BillingError::CheckoutInProgress);
            }
        }
        Ok(())
    }

    /// Ends everything at Stripe that could still cost the owner of a deleted account money,
    /// deletes the billing row and commits. Checkout pages are closed before the subscriptions are
    /// read: whatever was paid for on a page until then is among the subscriptions.
    pub(super) async fn close(self) -> Result<(), BillingError> {
        self.close_checkout_pages().await?;
        let found = self.subscriptions().await?;
        for one in found.iter().flat_map(StripeSubscriptions::iter_all).filter(|one| !one.status.is_over()) {
            self.end(&one.id).await?;
        }
        if self.has_unknown_customer() {
            self.end_of_unknown_customers().await?;
        }
        subscriptions::delete(&self.transaction, &self.account).await?;
        Ok(self.transaction.commit().await.map_err(StoreError::from)?)
    }

    /// Ends the subscriptions of customers that no account has, if customer and subscription name
    /// the user. Only an operator can tell to whom another customer belongs.
    async fn end_of_unknown_customers(&self) -> Result<(), BillingError> {
        let (app, user) = (self.app, self.account.user_id);
        for customer in unknown_customers::list(&self.transaction, user).await? {
            let is_own =
                app.stripe()?.find_customer(&customer).await? == Customer::Present { user_id: Some(user) };
            for id in unknown_customer::list_live_subscriptions(app, user, &customer).await? {
                if is_own {
                    self.end(&id).await?;
                } else {
                    error!(
                        user.id = %user, stripe.customer = customer, stripe.id = id,
                        "a subscription names a deleted account but its customer does not: decide in Stripe's dashboard"
                    );
                }
            }
        }
        Ok(())
    }

    async fn end(&self, subscription: &str) -> Result<(), BillingError> {
        self.app.stripe()?.cancel_subscription(subscription).await?;
        info!(
            user.id = %self.account.user_id, stripe.id = subscription,
            "cancelled a subscription of a deleted account"
        );
        Ok(())
    }
}
