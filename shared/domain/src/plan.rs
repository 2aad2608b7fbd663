//! The plans and their daily limits.

use crate::spending::SpendCaps;
use crate::string_enum::string_enum;

string_enum! {
    /// The plan of a user.
    Tier {
        /// The free plan.
        Basic = "basic",
        /// The paid plan.
        Pro = "pro",
    }
}

/// The description of a plan for the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The tier that the plan grants.
    pub tier: Tier,
    /// The name that users see.
    pub name: &'static str,
    /// Messages a day.
    pub daily_messages: i32,
    /// What the plan includes, one line each.
    pub features: Vec<String>,
}

/// How many messages a day each plan allows, and how much their answers may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DailyLimits {
    /// Messages a day on [`Tier::Basic`].
    pub basic: i32,
    /// Messages a day on [`Tier::Pro`].
    pub pro: i32,
    /// The spending caps.
    pub spending: SpendCaps,
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

    /// All plans, the smallest first. Their names and features are defined only here; their prices
    /// are defined at Stripe.
    #[must_use]
    pub fn plans(self) -> [Plan; 2] {
        let plan = |tier, name, features: &[&str]| {
            let daily_messages = self.of(tier);
            let first = format!("{daily_messages} messages a day");
            let features = features.iter().map(|&feature| feature.to_owned());
            Plan { tier, name, daily_messages, features: std::iter::once(first).chain(features).collect() }
        };
        [
            plan(Tier::Basic, "Basic", &["Any number of chatrooms", "Full history and search"]),
            plan(
                Tier::Pro,
                "Pro",
                &["Answers by the stronger model", "Any number of chatrooms", "Full history and search"],
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_plan_states_its_daily_limit() {
        for plan in (DailyLimits { basic: 5, pro: 1_000, spending: SpendCaps::default() }).plans() {
            assert_eq!(plan.features[0], format!("{} messages a day", plan.daily_messages));
            assert_eq!(plan.name.to_lowercase(), plan.tier.as_str());
        }
    }
}
