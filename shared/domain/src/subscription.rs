//! A subscription as Stripe describes it, and the plan that it entitles the user to.
//!
//! Source: <https://docs.stripe.com/billing/subscriptions/overview#subscription-statuses>.

use std::cmp::Ordering;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::string_enum::string_enum;
use crate::{Tier, UserId};

string_enum! {
    /// The status of a subscription, in Stripe's terms.
    SubscriptionStatus {
        /// Paid for.
        Active = "active",
        /// In its trial period.
        Trialing = "trialing",
        /// The payment of the last invoice failed; Stripe retries it.
        PastDue = "past_due",
        /// The last invoice is unpaid and Stripe no longer retries it.
        Unpaid = "unpaid",
        /// Ended.
        Canceled = "canceled",
        /// The first invoice is not paid yet.
        Incomplete = "incomplete",
        /// The first invoice was not paid in time, so the subscription never started.
        IncompleteExpired = "incomplete_expired",
        /// The trial ended without a payment method.
        Paused = "paused",
        /// A status that this version does not know. It grants no plan.
        Unknown = "unknown",
    }
}

impl SubscriptionStatus {
    /// Whether the status is final.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Canceled | Self::IncompleteExpired)
    }

    /// Whether Stripe collects an open invoice, or has given up collecting it. To cancel such a
    /// subscription with its period would collect on, so it is cancelled at once.
    #[must_use]
    pub fn has_open_payment(self) -> bool {
        matches!(self, Self::PastDue | Self::Unpaid | Self::Paused)
    }

    /// Whether the user must pay or confirm an invoice. Also of a subscription that has not
    /// started.
    #[must_use]
    pub fn requires_payment(self) -> bool {
        self.has_open_payment() || self == Self::Incomplete
    }

    /// Whether a subscription with this status has begun: it is or was paid, or in its trial.
    #[must_use]
    pub fn has_started(self) -> bool {
        !matches!(self, Self::Incomplete | Self::IncompleteExpired)
    }

    /// How much the status is worth. If a user has several subscriptions, the highest rank is
    /// effective.
    fn rank(self) -> u8 {
        match self {
            Self::Active | Self::Trialing => 4,
            Self::PastDue => 3,
            Self::Unpaid | Self::Paused | Self::Unknown => 2,
            Self::Incomplete => 1,
            Self::Canceled | Self::IncompleteExpired => 0,
        }
    }
}

/// The interval between reviews of a subscription that no webhook mentions.
const REVIEW_INTERVAL: Duration = Duration::from_hours(7 * 24);
/// The interval between reviews of a subscription with an outstanding payment.
const UNPAID_REVIEW_INTERVAL: Duration = Duration::from_hours(24);
/// The time that Stripe has after the end of a period to update the subscription.
const SETTLING_TIME: Duration = Duration::from_mins(10);
/// The interval between reviews of a subscription whose renewal is overdue.
const OVERDUE_REVIEW_INTERVAL: Duration = Duration::from_hours(1);

/// A subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The id at Stripe.
    pub id: String,
    /// The status.
    pub status: SubscriptionStatus,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// The start of the current or last billing period.
    pub period_start: Option<DateTime<Utc>>,
    /// The end of that period: the date of the next invoice, or of the cancellation.
    pub period_end: Option<DateTime<Utc>>,
    /// Whether the subscription ends with that period.
    pub cancel_at_period_end: bool,
    /// When it ends, or ended. `None` if it renews until it is cancelled.
    pub ends_at: Option<DateTime<Utc>>,
    /// Since when a payment has been due. Stripe does not report it, so it is the time when this
    /// service first saw the debt.
    pub past_due_since: Option<DateTime<Utc>>,
    /// The page at Stripe on which the user pays its open invoice, if it has one.
    pub invoice_url: Option<String>,
    /// What Stripe returns beyond that.
    pub details: SubscriptionDetails,
}

/// Details of a subscription, as just read from Stripe. Postgres does not store them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubscriptionDetails {
    /// Stripe's ids of the prices of its items.
    pub price_ids: Vec<String>,
    /// The user that its metadata names.
    pub user_id: Option<UserId>,
    /// Stripe's id of its latest invoice.
    pub latest_invoice_id: Option<String>,
}

impl Subscription {
    /// The subscription as Stripe returned it at `now`, with `past_due_since` carried over from the
    /// `previous` state of the same subscription.
    #[must_use]
    pub fn with_past_due_since(self, previous: Option<&Self>, now: DateTime<Utc>) -> Self {
        let previous = previous.filter(|previous| previous.id == self.id);
        let since = previous.and_then(|previous| previous.past_due_since);
        let past_due_since = match self.status {
            // The debt lasts until it is paid, even if further periods start meanwhile.
            SubscriptionStatus::Active | SubscriptionStatus::Trialing => None,
            SubscriptionStatus::PastDue => since.or(Some(now)),
            _ => since,
        };
        Self { past_due_since, ..self }
    }

    /// The plan that it entitles to at `now`. `grace` is the grace period after a failed renewal.
    #[must_use]
    pub fn tier(&self, now: DateTime<Utc>, grace: Duration) -> Tier {
        let entitled = match self.status {
            SubscriptionStatus::Active | SubscriptionStatus::Trialing => true,
            SubscriptionStatus::PastDue => self.grace_end(grace).is_some_and(|end| now < end),
            SubscriptionStatus::Unpaid
            | SubscriptionStatus::Canceled
            | SubscriptionStatus::Incomplete
            | SubscriptionStatus::IncompleteExpired
            | SubscriptionStatus::Paused
            | SubscriptionStatus::Unknown => false,
        };
        if entitled { Tier::Pro } else { Tier::Basic }
    }

    /// When to compare the subscription with Stripe if no webhook arrives before: soon after its
    /// period ends, when its grace period ends, or after a week. `None` once its status is final.
    #[must_use]
    pub fn next_review_at(&self, now: DateTime<Utc>, grace: Duration) -> Option<DateTime<Utc>> {
        let (latest, next_change) = match self.status {
            status if status.is_over() => return None,
            SubscriptionStatus::Active | SubscriptionStatus::Trialing => {
                (now + REVIEW_INTERVAL, self.period_end.map(|end| end + SETTLING_TIME))
            }
            SubscriptionStatus::PastDue => (now + UNPAID_REVIEW_INTERVAL, self.grace_end(grace)),
            _ => (now + UNPAID_REVIEW_INTERVAL, None),
        };
        let next = match next_change {
            // The grace period is over and known to be; nothing else changes at a known time.
            Some(change) if change <= now && self.status == SubscriptionStatus::PastDue => latest,
            Some(change) if change <= now => now + OVERDUE_REVIEW_INTERVAL,
            Some(change) => change,
            None => latest,
        };
        Some(next.min(latest))
    }

    fn grace_end(&self, grace: Duration) -> Option<DateTime<Utc>> {
        self.past_due_since.map(|since| since + grace)
    }

    /// Orders by rank; of two equal ranks the later subscription is worth more.
    fn cmp_worth(&self, other: &Self) -> Ordering {
        let worth = |one: &Self| (one.status.rank(), one.created_at);
        worth(self).cmp(&worth(other)).then_with(|| self.id.cmp(&other.id))
    }
}

/// Of all the subscriptions that a user has or had, the one that decides on the plan.
#[must_use]
pub fn effective_subscription(subscriptions: Vec<Subscription>) -> Option<Subscription> {
    subscriptions.into_iter().max_by(Subscription::cmp_worth)
}

/// When to check next whether the user has paid on a checkout page, if no webhook arrives before.
/// The page was opened at `opened_at` and is open until `expires_at`. The first check is after five
/// minutes, each further one after twice the time, and the last one just after the page has closed.
#[must_use]
pub fn next_checkout_review_at(
    now: DateTime<Utc>,
    opened_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let first = Duration::from_mins(5);
    let end = expires_at + SETTLING_TIME;
    let next = now + (now - opened_at).to_std().unwrap_or_default().max(first);
    (now < end).then(|| next.min(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn subscription(status: SubscriptionStatus) -> Subscription {
        Subscription {
            id: "sub_1".to_owned(),
            status,
            created_at: at("2026-01-01T00:00:00Z"),
            period_start: Some(at("2026-02-01T00:00:00Z")),
            period_end: Some(at("2026-03-01T00:00:00Z")),
            cancel_at_period_end: false,
            ends_at: None,
            invoice_url: None,
            details: SubscriptionDetails::default(),
            past_due_since: Some(at("2026-02-01T00:00:00Z")),
        }
    }

    #[test]
    fn debt_lasts_from_its_first_sight_until_it_is_paid() {
        use SubscriptionStatus as S;
        let (first, later) = (at("2026-02-01T06:00:00Z"), at("2026-03-01T06:00:00Z"));
        let read = |status| Subscription { past_due_since: None, ..subscription(status) };
        let past_due = read(S::PastDue).with_past_due_since(None, first);
        assert_eq!(past_due.past_due_since, Some(first));
        // A further period starts, but no further grace period.
        assert_eq!(read(S::PastDue).with_past_due_since(Some(&past_due), later).past_due_since, Some(first));
        assert_eq!(read(S::Unpaid).with_past_due_since(Some(&past_due), later).past_due_since, Some(first));
        let paid = read(S::Active).with_past_due_since(Some(&past_due), later);
        assert_eq!(paid.past_due_since, None);
        assert_eq!(read(S::PastDue).with_past_due_since(Some(&paid), later).past_due_since, Some(later));
        let another = Subscription { id: "sub_2".to_owned(), ..read(S::PastDue) };
        assert_eq!(another.with_past_due_since(Some(&past_due), later).past_due_since, Some(later));
    }

    #[test]
    fn each_status_grants_its_tier() {
        use SubscriptionStatus as S;
        for &status in S::ALL {
            let at_once = subscription(status).tier(at("2026-02-01T00:00:00Z"), DAY);
            let expected = match status {
                S::Active | S::Trialing | S::PastDue => Tier::Pro,
                S::Unpaid | S::Canceled | S::Incomplete | S::IncompleteExpired | S::Paused | S::Unknown => {
                    Tier::Basic
                }
            };
            assert_eq!(at_once, expected, "{status:?}");
        }
    }

    #[test]
    fn grace_period_applies_to_past_due_only_and_ends() {
        let tier = |status, now, grace| subscription(status).tier(at(now), grace);
        let past_due = SubscriptionStatus::PastDue;
        assert_eq!(tier(past_due, "2026-02-01T23:59:59Z", DAY), Tier::Pro);
        assert_eq!(tier(past_due, "2026-02-02T00:00:00Z", DAY), Tier::Basic);
        assert_eq!(tier(past_due, "2026-02-01T00:00:00Z", Duration::ZERO), Tier::Basic);
        assert_eq!(tier(SubscriptionStatus::Active, "2030-01-01T00:00:00Z", Duration::ZERO), Tier::Pro);
        let dateless = Subscription { past_due_since: None, ..subscription(past_due) };
        assert_eq!(dateless.tier(at("2026-02-01T00:00:00Z"), DAY), Tier::Basic);
    }

    #[test]
    fn review_is_due_at_the_next_expected_change_and_never_after_the_end() {
        use SubscriptionStatus as S;
        let review = |status, now: &str| subscription(status).next_review_at(at(now), DAY * 3);
        assert_eq!(review(S::Active, "2026-02-10T00:00:00Z"), Some(at("2026-02-17T00:00:00Z")));
        assert_eq!(review(S::Active, "2026-02-28T00:00:00Z"), Some(at("2026-03-01T00:10:00Z")));
        assert_eq!(review(S::Trialing, "2026-03-01T00:30:00Z"), Some(at("2026-03-01T01:30:00Z")));
        assert_eq!(review(S::PastDue, "2026-02-03T12:00:00Z"), Some(at("2026-02-04T00:00:00Z")));
        assert_eq!(review(S::PastDue, "2026-02-04T00:00:00Z"), Some(at("2026-02-05T00:00:00Z")));
        assert_eq!(review(S::Unpaid, "2026-02-04T00:00:00Z"), Some(at("2026-02-05T00:00:00Z")));
        for over in S::ALL.iter().copied().filter(|status| status.is_over()) {
            assert_eq!(review(over, "2026-02-04T00:00:00Z"), None);
        }
    }

    #[test]
    fn subscription_with_the_highest_rank_is_effective() {
        let named = |id: &str, status, created: &str| Subscription {
            id: id.to_owned(),
            created_at: at(created),
            ..subscription(status)
        };
        let old = named("old", SubscriptionStatus::Active, "2026-01-01T00:00:00Z");
        let ended = named("ended", SubscriptionStatus::Canceled, "2026-02-01T00:00:00Z");
        let newer = named("newer", SubscriptionStatus::Active, "2026-01-02T00:00:00Z");
        let id = |all: Vec<Subscription>| effective_subscription(all).map(|one| one.id);
        assert_eq!(id(vec![old.clone(), ended.clone()]).as_deref(), Some("old"));
        assert_eq!(id(vec![newer.clone(), old, ended.clone()]).as_deref(), Some("newer"));
        assert_eq!(id(vec![ended]).as_deref(), Some("ended"));
        assert_eq!(id(Vec::new()), None);
    }

    #[test]
    fn checkout_reviews_get_rarer_until_the_page_has_closed() {
        let (opened, expires) = (at("2026-01-01T00:00:00Z"), at("2026-01-02T00:00:00Z"));
        let (mut now, mut reviews) = (opened, 0);
        while let Some(next) = next_checkout_review_at(now, opened, expires) {
            assert!(next > now);
            (now, reviews) = (next, reviews + 1);
        }
        assert_eq!((now, reviews), (at("2026-01-02T00:10:00Z"), 10));
    }
}
