//! Plans and what they allow.

use serde::Serialize;
use thiserror::Error;

/// The plan a person is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// The free plan.
    Basic,
    /// The paid plan.
    Pro,
}

impl Tier {
    /// The name in the database and in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Pro => "pro",
        }
    }
}

/// A plan of this name is not known.
#[derive(Debug, Error)]
#[error("there is no plan named {0:?}")]
pub struct UnknownTier(String);

impl TryFrom<&str> for Tier {
    type Error = UnknownTier;

    fn try_from(name: &str) -> Result<Self, Self::Error> {
        match name {
            "basic" => Ok(Self::Basic),
            "pro" => Ok(Self::Pro),
            other => Err(UnknownTier(other.to_owned())),
        }
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
