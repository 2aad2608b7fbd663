//! How a person stands with Stripe. Stripe is always asked, never believed from memory: a webhook, a click and the sweeper all
//! come down to reading what it has of a customer and writing what follows, under one lock.

use clients::stripe::StripeError;
use domain::subscription::{self, Subscription, SubscriptionStatus};
use domain::{Tier, UserId};
use store::subscriptions::{self, BillingAccount, SubscriptionUpdate};
use store::{Client, StoreError, Transaction, sessions};
use thiserror::Error;
use tracing::{error, info, warn};

use crate::telemetry::chain;
use crate::{AppState, NotConfigured};

/// How somebody stands could not be found out or written.
#[derive(Debug, Error)]
pub enum BillingError {
    /// Postgres did not do what was asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Stripe did not do what was asked.
    #[error(transparent)]
    Stripe(#[from] StripeError),
    /// Somebody is just paying on a page that was to be closed.
    #[error("a checkout page could not be closed: something is just being paid on it")]
    BeingPaid,
    /// What the plan costs is not one whole amount, and cannot be shown.
    #[error("the price of the plan has no unit_amount: it is tiered, or in fractions of a cent")]
    NoAmount,
    /// A mistake of ours.
    #[error(transparent)]
    Setup(#[from] NotConfigured),
}

impl BillingError {
    /// Whether the same may go through later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Store(error) => error.is_unavailable(),
            Self::Stripe(error) => error.is_passing(),
            Self::BeingPaid => true,
            Self::NoAmount | Self::Setup(_) => false,
        }
    }
}

/// How somebody stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The subscription that counts.
    pub subscription: Option<Subscription>,
    /// The plan it entitles to.
    pub tier: Tier,
    /// Whether they were on another before.
    pub is_new_tier: bool,
}

impl AppState {
    /// Compares what we have of `user`'s payments with what Stripe has, and puts it right. Of an account that is being
    /// deleted, ends what lives at Stripe, and forgets it. `None` where there is nothing to compare.
    ///
    /// # Errors
    /// When Postgres or Stripe does not answer; nothing is changed here then.
    pub async fn sync_subscription(&self, user: UserId) -> Result<Option<Settled>, BillingError> {
        let mut db = self.db().await?;
        let transaction = db.transaction().await.map_err(StoreError::from)?;
        let Some(account) = subscriptions::find_for_update(&transaction, user).await? else {
            return Ok(None);
        };
        if account.is_deleted {
            self.close(&transaction, &account).await?;
            transaction.commit().await.map_err(StoreError::from)?;
            return Ok(None);
        }
        let settled = match &account.customer_id {
            Some(customer) => {
                let found = self.ask(&account, customer).await?;
                self.settle(&transaction, &account, found).await?
            }
            // Nothing that Stripe could tell of.
            None => return Ok(None),
        };
        transaction.commit().await.map_err(StoreError::from)?;
        self.announce(&db, user, &settled).await;
        Ok(Some(settled))
    }

    /// All subscriptions that `customer` has or had at Stripe, who is the owner of a locked account.
    ///
    /// # Errors
    /// When Stripe does not answer.
    pub async fn ask(
        &self,
        account: &BillingAccount,
        customer: &str,
    ) -> Result<Vec<Subscription>, BillingError> {
        let (stripe, before) = (self.stripe()?, account.subscription.as_ref());
        let found = match stripe.list_subscriptions(customer).await {
            // A customer who was deleted at Stripe; their subscription is still known, and has ended. Where it is not, the
            // key must be another account's: nobody is to lose their plan by that.
            Err(error) if error.is_missing_customer() => match before {
                Some(known) => vec![stripe.find_subscription(&known.id).await?],
                None => Vec::new(),
            },
            found => found?,
        };
        let now = self.clock.now();
        let found: Vec<_> = found.into_iter().map(|one| one.with_past_due_since(before, now)).collect();
        let paid =
            |one: &&Subscription| !one.status.is_over() && one.status != SubscriptionStatus::Incomplete;
        let lasting = found.iter().filter(paid).count();
        if lasting > 1 {
            error!(user.id = %account.user_id, lasting, "somebody pays more than once: see to it in Stripe's dashboard");
        }
        Ok(found)
    }

    /// Writes how the owner of a locked account stands, all of whose subscriptions are `found`, as Stripe has just said.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn settle(
        &self,
        transaction: &Transaction<'_>,
        account: &BillingAccount,
        found: Vec<Subscription>,
    ) -> Result<Settled, BillingError> {
        let (now, grace) = (self.clock.now(), self.config.billing.past_due_grace);
        let subscription = subscription::effective_subscription(found);
        let one = subscription.as_ref();
        if let Some(unknown) = one.filter(|one| one.status == SubscriptionStatus::Unknown) {
            error!(user.id = %account.user_id, stripe.id = unknown.id, "a subscription has a status that is not known here");
        }
        let tier = one.map_or(Tier::Basic, |one| one.tier(now, grace));
        // Who is on Pro is not looked for among those who may just be paying.
        let page = account.checkout.filter(|_| tier == Tier::Basic);
        let page =
            page.and_then(|(opened, expires)| subscription::next_checkout_review_at(now, opened, expires));
        let review_at = one.and_then(|one| one.next_review_at(now, grace)).into_iter().chain(page).min();
        let update = SubscriptionUpdate { subscription: one, tier, review_at };
        subscriptions::update_subscription(transaction, account, update, now).await?;
        Ok(Settled { is_new_tier: tier != account.tier, subscription, tier })
    }

    /// Tells whoever may still hold that `user` is on the plan of before. To be called once it is committed that they are not.
    pub async fn announce(&self, db: &Client, user: UserId, settled: &Settled) {
        if !settled.is_new_tier {
            return;
        }
        info!(user.id = %user, tier = settled.tier.as_str(), "the plan has changed");
        // Limits on requests are by plan, and what a session's plan is stays in Redis for some seconds.
        let forgotten = async {
            for session in sessions::list_ids(db, user).await.map_err(|error| chain(&error))? {
                self.redis.forget_session(session).await.map_err(|error| chain(&error))?;
            }
            Ok::<_, String>(())
        };
        if let Err(error) = forgotten.await {
            warn!(error, user.id = %user, "limits on requests are those of the plan before, for some seconds");
        }
    }

    /// Ends everything that the owner of a locked account could still pay for, and forgets it. Pages on which they could pay
    /// are closed first: what was paid on one until then is among the subscriptions.
    async fn close(
        &self,
        transaction: &Transaction<'_>,
        account: &BillingAccount,
    ) -> Result<(), BillingError> {
        if let Some(customer) = &account.customer_id {
            let stripe = self.stripe()?;
            let pages = match stripe.list_open_checkouts(customer).await {
                Err(error) if error.is_missing_customer() => Vec::new(),
                pages => pages?,
            };
            for page in pages {
                if !stripe.expire_checkout(&page.id).await? {
                    return Err(BillingError::BeingPaid);
                }
            }
            for one in self.ask(account, customer).await?.iter().filter(|one| !one.status.is_over()) {
                stripe.cancel_subscription(&one.id).await?;
                info!(user.id = %account.user_id, stripe.id = one.id, "a subscription has ended with its account");
            }
        }
        Ok(subscriptions::delete(transaction, account).await?)
    }
}
