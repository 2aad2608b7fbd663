//! Plans and what they allow.

use crate::named::named;

named! {
    /// The plan a person is on.
    Tier {
        /// The free plan.
        Basic = "basic",
        /// The paid plan.
        Pro = "pro",
    }
}

/// What a plan is called and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Who is on it.
    pub tier: Tier,
    /// What it is called.
    pub name: &'static str,
    /// Messages a day.
    pub daily_messages: i32,
    /// What is in it, a line each.
    pub features: Vec<String>,
}

/// How many messages a day each plan allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DailyLimits {
    /// Messages a day on [`Tier::Basic`].
    pub basic: i32,
    /// Messages a day on [`Tier::Pro`].
    pub pro: i32,
}

impl DailyLimits {
    /// Messages a day on `tier`.
    #[must_use]
    pub fn of(self, tier: Tier) -> i32 {
        match tier {
            Tier::Basic => self.basic,
            Tier::Pro => self.pro,
        }
    }

    /// All plans, the least first. What they are called and what is in them is said here and nowhere else; what they cost,
    /// by Stripe.
    #[must_use]
    pub fn plans(self) -> [Plan; 2] {
        let plan = |tier, name, features: &[&str]| {
            let daily_messages = self.of(tier);
            let first = format!("{daily_messages} messages a day");
            let features = features.iter().map(|&feature| feature.to_owned());
            Plan { tier, name, daily_messages, features: std::iter::once(first).chain(features).collect() }
        };
        [
            plan(Tier::Basic, "Basic", &["Any number of rooms", "Full history and search"]),
            plan(
                Tier::Pro,
                "Pro",
                &["Answers by the stronger model", "Any number of rooms", "Full history and search"],
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_plan_says_its_limit() {
        for plan in (DailyLimits { basic: 5, pro: 1_000 }).plans() {
            assert_eq!(plan.features[0], format!("{} messages a day", plan.daily_messages));
            assert_eq!(plan.name.to_lowercase(), plan.tier.as_str());
        }
    }
}
