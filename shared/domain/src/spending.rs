//! What calls to the model cost, and how much may be spent a day. Amounts are millionths of a US
//! dollar (micro-dollars).

use crate::string_enum::string_enum;

/// Prices are for so many tokens.
const PRICED_TOKENS: i64 = 1_000_000;

/// The highest price that the configuration accepts. With it the cost of any call fits an `i64`.
pub const MAX_PRICE: i64 = 1_000_000_000;

/// The price of a model, in micro-dollars for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// Tokens of the prompt that are not cached.
    pub prompt: i64,
    /// Tokens of the prompt that the vendor read from its cache.
    pub cached: i64,
    /// Tokens of the answer, thoughts included.
    pub output: i64,
}

/// The tokens of a call that have a price.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BilledTokens {
    /// Tokens of the prompt, cached ones included.
    pub prompt: i32,
    /// Cached tokens of the prompt.
    pub cached: i32,
    /// Tokens of the answer, thoughts included.
    pub output: i32,
}

impl Price {
    /// The cost of `tokens`, rounded up to whole micro-dollars.
    #[must_use]
    pub fn cost(self, tokens: BilledTokens) -> i64 {
        let [prompt, cached, output] =
            [tokens.prompt, tokens.cached, tokens.output].map(|count| i64::from(count.max(0)));
        let cached = cached.min(prompt);
        let cost = (prompt - cached) * self.prompt + cached * self.cached + output * self.output;
        cost.div_euclid(PRICED_TOKENS) + i64::from(cost.rem_euclid(PRICED_TOKENS) > 0)
    }

    /// The higher of the two prices, for each kind of tokens.
    #[must_use]
    pub fn highest(self, other: Self) -> Self {
        Self {
            prompt: self.prompt.max(other.prompt),
            cached: self.cached.max(other.cached),
            output: self.output.max(other.output),
        }
    }
}

/// What a call cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// The amount.
    pub micro_usd: i64,
    /// Whether the model that answered has no configured price: the amount is then that of the
    /// most expensive configured one.
    pub is_unpriced: bool,
}

/// The most that may be spent on calls in a day (UTC). `None`: no cap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SpendCaps {
    /// For each user.
    pub user: Option<i64>,
    /// For all users together.
    pub service: Option<i64>,
}

impl SpendCaps {
    /// Whether there is a cap.
    #[must_use]
    pub fn are_set(self) -> bool {
        self.user.is_some() || self.service.is_some()
    }
}

string_enum! {
    /// Whose spending a cap limits.
    CapScope {
        /// The spending of one user.
        User = "user",
        /// The spending of all users together.
        Service = "service",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRICE: Price = Price { prompt: 500_000, cached: 50_000, output: 3_000_000 };

    #[test]
    fn cost_is_that_of_each_kind_of_tokens_rounded_up() {
        let cost = |prompt, cached, output| PRICE.cost(BilledTokens { prompt, cached, output });
        assert_eq!(cost(0, 0, 0), 0);
        assert_eq!(cost(1, 0, 0), 1);
        assert_eq!(cost(2, 0, 0), 1);
        assert_eq!(cost(1_000_000, 0, 0), 500_000);
        assert_eq!(cost(1_000_000, 400_000, 10), 300_000 + 20_000 + 30);
        // More cached tokens than prompt tokens, or negative counts, are a mistake of the vendor.
        assert_eq!(cost(10, 1_000, 0), 1);
        assert_eq!(cost(-5, -5, -5), 0);
    }

    #[test]
    fn cost_of_the_largest_call_at_the_highest_price_fits() {
        let price = Price { prompt: MAX_PRICE, cached: MAX_PRICE, output: MAX_PRICE };
        let tokens = BilledTokens { prompt: i32::MAX, cached: 0, output: i32::MAX };
        assert_eq!(price.cost(tokens), 2 * i64::from(i32::MAX) * (MAX_PRICE / PRICED_TOKENS));
    }

    #[test]
    fn highest_price_is_the_highest_of_each_kind() {
        let other = Price { prompt: 1, cached: 60_000, output: 4_000_000 };
        assert_eq!(PRICE.highest(other), Price { prompt: 500_000, cached: 60_000, output: 4_000_000 });
    }
}
