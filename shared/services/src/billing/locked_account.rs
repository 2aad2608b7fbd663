//! [`LockedAccount`]: the only code that stores an account's subscription state from Stripe.

use app::AppState;
use app::telemetry::chain;
use chrono::{DateTime, Utc};
use domain::subscription::{self, Subscription, SubscriptionStatus};
use domain::{SessionId, Tier, UserId};
use store::subscriptions::{self, BillingAccount, SubscriptionUpdate};
use store::{Client, StoreError, Transaction, sessions};
use tracing::{error, info, warn};

use super::BillingError;

/// The plan of an account and the subscription behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entitlement {
    /// The subscription that decides the plan, if the customer ever had one.
    pub subscription: Option<Subscription>,
    /// The plan.
    pub tier: Tier,
    /// Whether the account was on another plan before.
    pub tier_changed: bool,
}

/// All subscriptions of a customer, as just read from Stripe. Only [`LockedAccount::subscriptions`]
/// makes one.
#[derive(Debug)]
pub struct StripeSubscriptions {
    /// Those to the Pro plan.
    plan: Vec<Subscription>,
    /// Those to other prices. They neither entitle to the plan nor change with it.
    others: Vec<Subscription>,
}

impl StripeSubscriptions {
    /// The subscriptions to the Pro plan, in Stripe's order.
    pub fn iter(&self) -> impl Iterator<Item = &Subscription> {
        self.plan.iter()
    }

    /// All subscriptions of the customer.
    pub(super) fn iter_all(&self) -> impl Iterator<Item = &Subscription> {
        self.plan.iter().chain(&self.others)
    }
}

/// The billing account of a user, locked by a transaction. Use it in this order:
/// [`open`](Self::open) takes the lock, [`subscriptions`](Self::subscriptions) reads from Stripe,
/// and [`commit`](Self::commit) writes the plan, commits, and invalidates caches. Dropping it
/// changes nothing in Postgres.
///
/// All writes follow all calls to Stripe: a write locks the user's row, and sign-in would wait for
/// it.
pub struct LockedAccount<'a> {
    pub(super) app: &'a AppState,
    pub(super) transaction: Transaction<'a>,
    pub(super) account: BillingAccount,
}

impl<'a> LockedAccount<'a> {
    /// Begins a transaction and locks the billing account of `user`. `None` when there is none, or
    /// when the account is being deleted.
    pub async fn open(
        app: &'a AppState,
        db: &'a mut Client,
        user: UserId,
    ) -> Result<Option<Self>, BillingError> {
        let account = Self::lock(app, db, user).await?;
        Ok(account.filter(|account| !account.is_deleted()))
    }

    /// As [`Self::open`], also for an account that is being deleted.
    pub(super) async fn lock(
        app: &'a AppState,
        db: &'a mut Client,
        user: UserId,
    ) -> Result<Option<Self>, BillingError> {
        let transaction = db.transaction().await.map_err(StoreError::from)?;
        let account = subscriptions::find_for_update(&transaction, user).await?;
        Ok(account.map(|account| Self { app, transaction, account }))
    }

    pub(super) fn is_deleted(&self) -> bool {
        self.account.is_deleted
    }

    /// The customer's id at Stripe, once the user has opened a checkout page.
    #[must_use]
    pub fn customer_id(&self) -> Option<&str> {
        self.account.customer_id.as_deref()
    }

    /// Whether a customer that no account has names the user: a second payment may be under way.
    #[must_use]
    pub fn has_unknown_customer(&self) -> bool {
        self.account.has_unknown_customer
    }

    /// Whether the user has or had a subscription that began: by `found`, or by what Postgres knows
    /// of an earlier customer.
    #[must_use]
    pub fn has_ever_subscribed(&self, found: &StripeSubscriptions) -> bool {
        found.iter().chain(&self.account.subscription).any(|one| one.status.has_started())
    }

    /// Whether the last known subscription may still be charged.
    #[must_use]
    pub fn has_live_subscription(&self) -> bool {
        self.account.subscription.as_ref().is_some_and(|known| !known.status.is_over())
    }

    /// Reads all current and past subscriptions of the customer from Stripe. Only those to a price of
    /// the plan count. `None` without a customer: Stripe then decides nothing, and a plan that an
    /// operator granted stays.
    pub async fn subscriptions(&self) -> Result<Option<StripeSubscriptions>, BillingError> {
        let Some(customer) = self.customer_id() else { return Ok(None) };
        let (stripe, known) = (self.app.stripe()?, self.account.subscription.as_ref());
        let found = match stripe.list_subscriptions(customer).await {
            // The customer was deleted at Stripe, which ended their subscriptions; Stripe still
            // knows the last one. If it does not, the key belongs to another Stripe account. Then
            // this fails, so that the user keeps the plan.
            Err(error) if error.is_missing_customer() => match known {
                Some(known) => vec![stripe.find_subscription(&known.id).await?],
                None => Vec::new(),
            },
            found => found?,
        };
        let now = self.app.clock.now();
        let (plan, others): (Vec<_>, Vec<_>) = found
            .into_iter()
            .map(|one| one.with_past_due_since(known, now))
            .partition(|one| self.app.config.billing.includes_plan(&one.details.price_ids));
        let is_charged = |one: &&Subscription| !one.status.is_over() && one.status.has_started();
        let charged = plan.iter().filter(is_charged).count();
        if charged > 1 {
            error!(
                user.id = %self.account.user_id, charged,
                "a user pays for several subscriptions: cancel the extra ones in Stripe's dashboard"
            );
        }
        Ok(Some(StripeSubscriptions { plan, others }))
    }

    /// Sets whether the subscriptions that `is_selected` accepts end with the current period, at
    /// Stripe and in `found`.
    pub async fn set_cancel_at_period_end(
        &self,
        found: &mut StripeSubscriptions,
        cancel: bool,
        is_selected: impl Fn(&Subscription) -> bool,
    ) -> Result<(), BillingError> {
        let now = self.app.clock.now();
        let is_set =
            |one: &Subscription| if cancel { one.cancel_at_period_end } else { one.ends_at.is_none() };
        let selected = |one: &&mut Subscription| is_selected(one) && !is_set(one);
        for one in found.plan.iter_mut().filter(selected) {
            let changed = self.app.stripe()?.set_cancel_at_period_end(&one.id, cancel).await?;
            *one = changed.with_past_due_since(self.account.subscription.as_ref(), now);
        }
        Ok(())
    }

    /// Ends the subscriptions that `is_selected` accepts at once, at Stripe and in `found`.
    pub async fn cancel_at_once(
        &self,
        found: &mut StripeSubscriptions,
        is_selected: impl Fn(&Subscription) -> bool,
    ) -> Result<(), BillingError> {
        let (stripe, now) = (self.app.stripe()?, self.app.clock.now());
        for one in found.plan.iter_mut().filter(|one| is_selected(one)) {
            let ended = match stripe.cancel_subscription(&one.id).await? {
                Some(cancelled) => cancelled,
                None => stripe.find_subscription(&one.id).await?,
            };
            *one = ended.with_past_due_since(self.account.subscription.as_ref(), now);
        }
        Ok(())
    }

    /// Writes the plan that follows from `found`, commits, and invalidates the cached sessions of a
    /// user whose plan changed.
    ///
    /// # Errors
    /// Nothing is written then. The next webhook, request or review reads Stripe again.
    pub async fn commit(self, found: StripeSubscriptions) -> Result<Entitlement, BillingError> {
        let entitlement = self.write(found).await?;
        self.finish(entitlement).await
    }

    /// As [`Self::commit`], and also records that the user was sent to a checkout page that is open
    /// until `expires_at`.
    pub async fn commit_checkout(
        self,
        found: StripeSubscriptions,
        expires_at: DateTime<Utc>,
    ) -> Result<Entitlement, BillingError> {
        let entitlement = self.write(found).await?;
        let now = self.app.clock.now();
        let review_at = subscription::next_checkout_review_at(now, now, expires_at);
        subscriptions::update_checkout(&self.transaction, &self.account, expires_at, review_at, now).await?;
        self.finish(entitlement).await
    }

    async fn write(&self, found: StripeSubscriptions) -> Result<Entitlement, BillingError> {
        let (now, grace) = (self.app.clock.now(), self.app.config.billing.past_due_grace);
        let subscription = subscription::effective_subscription(found.plan);
        let subscription = self.with_invoice_page(subscription).await?;
        let one = subscription.as_ref();
        if let Some(unknown) = one.filter(|one| one.status == SubscriptionStatus::Unknown) {
            error!(
                user.id = %self.account.user_id, stripe.id = unknown.id,
                "a subscription has an unknown status"
            );
        }
        let tier = one.map_or(Tier::Basic, |one| one.tier(now, grace));
        // A user on Pro has paid, so an open checkout page needs no further review.
        let checkout = self.account.checkout.filter(|_| tier == Tier::Basic);
        let checkout_review = checkout
            .and_then(|(opened, expires)| subscription::next_checkout_review_at(now, opened, expires));
        let review_at =
            one.and_then(|one| one.next_review_at(now, grace)).into_iter().chain(checkout_review).min();
        let update = SubscriptionUpdate { subscription: one, tier, review_at };
        subscriptions::update_subscription(&self.transaction, &self.account, update, now).await?;
        Ok(Entitlement { tier_changed: tier != self.account.tier, subscription, tier })
    }

    /// Adds the page on which the user pays the open invoice of `subscription`.
    async fn with_invoice_page(
        &self,
        subscription: Option<Subscription>,
    ) -> Result<Option<Subscription>, BillingError> {
        let Some(mut one) = subscription else { return Ok(None) };
        let invoice = one.details.latest_invoice_id.as_deref().filter(|_| one.status.requires_payment());
        if let Some(invoice) = invoice {
            one.invoice_url = match self.app.stripe()?.find_invoice_page(invoice).await {
                Err(error) if error.is_permanent_refusal() => {
                    warn!(error = chain(&error), stripe.id = one.id, "an open invoice cannot be read");
                    None
                }
                page => page?,
            };
        }
        Ok(Some(one))
    }

    async fn finish(self, entitlement: Entitlement) -> Result<Entitlement, BillingError> {
        let user = self.account.user_id;
        // The write above locks the user's row, and so does the start of a session. This list is
        // complete: a session that starts later already has the new plan.
        let sessions = if entitlement.tier_changed {
            sessions::list_ids(&self.transaction, user).await?
        } else {
            Vec::new()
        };
        self.transaction.commit().await.map_err(StoreError::from)?;
        if entitlement.tier_changed {
            info!(user.id = %user, tier = entitlement.tier.as_str(), "the plan has changed");
            invalidate_cached_tier(self.app, user, &sessions).await;
        }
        Ok(entitlement)
    }
}

/// Rate limits depend on the plan, and Redis caches the plan of each session for some seconds.
async fn invalidate_cached_tier(app: &AppState, user: UserId, sessions: &[SessionId]) {
    for &session in sessions {
        if let Err(error) = app.redis.invalidate_session(session).await {
            let error = chain(&error);
            warn!(error, user.id = %user, "the rate limits of the old plan apply for some more seconds");
            return;
        }
    }
}
