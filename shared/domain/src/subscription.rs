//! A paid subscription as Stripe describes it, and what it entitles a person to.
//!
//! Source: <https://docs.stripe.com/billing/subscriptions/overview#subscription-statuses>.

use std::cmp::Ordering;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::Tier;
use crate::named::named;

named! {
    /// How a subscription stands, in Stripe's words.
    SubscriptionStatus {
        /// Paid for.
        Active = "active",
        /// Being tried out.
        Trialing = "trialing",
        /// Its last invoice could not be paid; Stripe tries again.
        PastDue = "past_due",
        /// Its last invoice was not paid, and Stripe has given up on it.
        Unpaid = "unpaid",
        /// Over.
        Canceled = "canceled",
        /// Its first invoice is not paid yet.
        Incomplete = "incomplete",
        /// Its first invoice was not paid in time: it never began.
        IncompleteExpired = "incomplete_expired",
        /// A trial that has ended without a means of payment.
        Paused = "paused",
        /// One that this version does not know. It entitles to nothing.
        Unknown = "unknown",
    }
}

impl SubscriptionStatus {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Active,
        Self::Trialing,
        Self::PastDue,
        Self::Unpaid,
        Self::Canceled,
        Self::Incomplete,
        Self::IncompleteExpired,
        Self::Paused,
        Self::Unknown,
    ];

    /// Whether it will not change any more.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Canceled | Self::IncompleteExpired)
    }

    /// How much a person has of it: of several subscriptions, the one with the most is theirs.
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

/// How long before anybody asks Stripe again whether a subscription is still as it was, if nothing is said of it.
const REVIEW: Duration = Duration::from_hours(7 * 24);
/// The same for one that somebody is expected to pay for.
const REVIEW_UNPAID: Duration = Duration::from_hours(24);
/// How long after a period's end a subscription has become what it is then.
const SETTLED: Duration = Duration::from_mins(10);
/// How long until Stripe is asked again about what should have happened and has not.
const OVERDUE: Duration = Duration::from_hours(1);

/// A subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Stripe's id of it.
    pub id: String,
    /// How it stands.
    pub status: SubscriptionStatus,
    /// When it was begun.
    pub created_at: DateTime<Utc>,
    /// The period that runs, or that it ended in.
    pub period_start: Option<DateTime<Utc>>,
    /// Its end: the next invoice, or the end of it all.
    pub period_end: Option<DateTime<Utc>>,
    /// Whether it ends then.
    pub cancel_at_period_end: bool,
    /// Since when a payment has been due. Stripe does not say so: it is when we saw it first.
    pub past_due_since: Option<DateTime<Utc>>,
}

impl Subscription {
    /// This one, as it was read at `now`, with what is only known by who saw it before.
    #[must_use]
    pub fn seen(self, before: Option<&Self>, now: DateTime<Utc>) -> Self {
        let since = before.filter(|before| before.id == self.id).and_then(|before| before.past_due_since);
        let past_due_since = match self.status {
            // A debt lasts until it is paid, however many periods begin meanwhile.
            SubscriptionStatus::Active | SubscriptionStatus::Trialing => None,
            SubscriptionStatus::PastDue => since.or(Some(now)),
            _ => since,
        };
        Self { past_due_since, ..self }
    }

    /// What it entitles to at `now`, with a `grace` for a renewal that could not be paid.
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

    /// When it is to be compared with what Stripe says, should no webhook come before: soon after its period ends, when its
    /// grace does, after a week at the latest. Never once it is over.
    #[must_use]
    pub fn review_at(&self, now: DateTime<Utc>, grace: Duration) -> Option<DateTime<Utc>> {
        let (latest, turn) = match self.status {
            status if status.is_over() => return None,
            SubscriptionStatus::Active | SubscriptionStatus::Trialing => {
                (now + REVIEW, self.period_end.map(|end| end + SETTLED))
            }
            SubscriptionStatus::PastDue => (now + REVIEW_UNPAID, self.grace_end(grace)),
            _ => (now + REVIEW_UNPAID, None),
        };
        let turn = match turn {
            // The grace is over: that is seen, and nothing more happens by itself.
            Some(turn) if turn <= now && self.status == SubscriptionStatus::PastDue => latest,
            Some(turn) if turn <= now => now + OVERDUE,
            Some(turn) => turn,
            None => latest,
        };
        Some(turn.min(latest))
    }

    fn grace_end(&self, grace: Duration) -> Option<DateTime<Utc>> {
        self.past_due_since.map(|since| since + grace)
    }

    /// Which of two a person has more of; of two alike the later one.
    fn cmp_worth(&self, other: &Self) -> Ordering {
        let worth = |one: &Self| (one.status.rank(), one.created_at);
        worth(self).cmp(&worth(other)).then_with(|| self.id.cmp(&other.id))
    }
}

/// Of all the subscriptions that a person has or had, the one that counts.
#[must_use]
pub fn that_counts(subscriptions: Vec<Subscription>) -> Option<Subscription> {
    subscriptions.into_iter().max_by(Subscription::cmp_worth)
}

/// When a person who was sent to a checkout page at `opened_at`, open until `expires_at`, is to be looked for among the
/// payers next, should no webhook come: after five minutes, then each time after twice as long, at last when it has closed.
#[must_use]
pub fn review_checkout_at(
    now: DateTime<Utc>,
    opened_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let first = Duration::from_mins(5);
    let end = expires_at + SETTLED;
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
            past_due_since: Some(at("2026-02-01T00:00:00Z")),
        }
    }

    #[test]
    fn a_debt_begins_when_it_is_seen_and_ends_when_it_is_paid() {
        use SubscriptionStatus as S;
        let (first, later) = (at("2026-02-01T06:00:00Z"), at("2026-03-01T06:00:00Z"));
        let read = |status| Subscription { past_due_since: None, ..subscription(status) };
        let seen = read(S::PastDue).seen(None, first);
        assert_eq!(seen.past_due_since, Some(first));
        // The next period begins, and the next: no new grace with them.
        assert_eq!(read(S::PastDue).seen(Some(&seen), later).past_due_since, Some(first));
        assert_eq!(read(S::Unpaid).seen(Some(&seen), later).past_due_since, Some(first));
        let paid = read(S::Active).seen(Some(&seen), later);
        assert_eq!(paid.past_due_since, None);
        assert_eq!(read(S::PastDue).seen(Some(&paid), later).past_due_since, Some(later));
        let another = Subscription { id: "sub_2".to_owned(), ..read(S::PastDue) };
        assert_eq!(another.seen(Some(&seen), later).past_due_since, Some(later));
    }

    #[test]
    fn each_status_entitles_to_what_it_says() {
        use SubscriptionStatus as S;
        for status in S::ALL {
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
    fn grace_is_for_past_due_alone_and_ends() {
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
    fn a_live_subscription_is_reviewed_when_something_is_due_and_a_dead_one_never() {
        use SubscriptionStatus as S;
        let review = |status, now: &str| subscription(status).review_at(at(now), DAY * 3);
        assert_eq!(review(S::Active, "2026-02-10T00:00:00Z"), Some(at("2026-02-17T00:00:00Z")));
        assert_eq!(review(S::Active, "2026-02-28T00:00:00Z"), Some(at("2026-03-01T00:10:00Z")));
        assert_eq!(review(S::Trialing, "2026-03-01T00:30:00Z"), Some(at("2026-03-01T01:30:00Z")));
        assert_eq!(review(S::PastDue, "2026-02-03T12:00:00Z"), Some(at("2026-02-04T00:00:00Z")));
        assert_eq!(review(S::PastDue, "2026-02-04T00:00:00Z"), Some(at("2026-02-05T00:00:00Z")));
        assert_eq!(review(S::Unpaid, "2026-02-04T00:00:00Z"), Some(at("2026-02-05T00:00:00Z")));
        for over in S::ALL.into_iter().filter(|status| status.is_over()) {
            assert_eq!(review(over, "2026-02-04T00:00:00Z"), None);
        }
    }

    #[test]
    fn of_several_the_one_that_gives_most_counts() {
        let named = |id: &str, status, created: &str| Subscription {
            id: id.to_owned(),
            created_at: at(created),
            ..subscription(status)
        };
        let old = named("old", SubscriptionStatus::Active, "2026-01-01T00:00:00Z");
        let ended = named("ended", SubscriptionStatus::Canceled, "2026-02-01T00:00:00Z");
        let newer = named("newer", SubscriptionStatus::Active, "2026-01-02T00:00:00Z");
        let id = |all: Vec<Subscription>| that_counts(all).map(|one| one.id);
        assert_eq!(id(vec![old.clone(), ended.clone()]).as_deref(), Some("old"));
        assert_eq!(id(vec![newer.clone(), old, ended.clone()]).as_deref(), Some("newer"));
        assert_eq!(id(vec![ended]).as_deref(), Some("ended"));
        assert_eq!(id(Vec::new()), None);
    }

    #[test]
    fn a_checkout_is_looked_after_ever_more_rarely_until_it_has_closed() {
        let (opened, expires) = (at("2026-01-01T00:00:00Z"), at("2026-01-02T00:00:00Z"));
        let (mut now, mut reviews) = (opened, 0);
        while let Some(next) = review_checkout_at(now, opened, expires) {
            assert!(next > now);
            (now, reviews) = (next, reviews + 1);
        }
        assert_eq!((now, reviews), (at("2026-01-02T00:10:00Z"), 10));
    }
}
