//! The cards of the mock, by Stripe's test numbers.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Card {
    Good,
    Declined,
    GoodOnce,
    /// Each payment needs the user's confirmation (3-D Secure).
    Confirmed,
}

impl Card {
    pub fn from_number(number: &str) -> Option<Self> {
        match number.chars().filter(|one| !one.is_whitespace() && *one != '-').collect::<String>().as_str() {
            "4242424242424242" => Some(Self::Good),
            "4000000000000002" => Some(Self::Declined),
            "4000000000000341" => Some(Self::GoodOnce),
            "4000002760003184" => Some(Self::Confirmed),
            _ => None,
        }
    }
}
