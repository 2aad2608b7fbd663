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
}
