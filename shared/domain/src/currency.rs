//! Currencies, as Stripe counts them.
//!
//! Source: <https://docs.stripe.com/currencies#zero-decimal>.

/// Currencies whose smallest unit is the whole unit. Stripe counts the Icelandic króna and the
/// Ugandan shilling in hundredths for compatibility, so they are not among these.
const WITHOUT_DECIMALS: [&str; 15] =
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"];

/// Currencies whose smallest unit is a thousandth.
const WITH_THREE_DECIMALS: [&str; 5] = ["bhd", "jod", "kwd", "omr", "tnd"];

/// The `amount` of `currency` (ISO 4217, any case) in whole units: 14.99 for 1499 cents.
#[must_use]
pub fn whole_units(amount: i64, currency: &str) -> f64 {
    let currency = currency.to_lowercase();
    let decimals = match currency.as_str() {
        code if WITHOUT_DECIMALS.contains(&code) => 0,
        code if WITH_THREE_DECIMALS.contains(&code) => 3,
        _ => 2,
    };
    // Decimal text converts to the nearest f64, which JSON shows with the same digits again.
    format!("{amount}e-{decimals}").parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_shown_in_whole_units_of_their_currency() {
        for (amount, currency, shown) in [
            (1_499, "usd", "14.99"),
            (1_499, "USD", "14.99"),
            (1_400, "eur", "14.0"),
            (5, "usd", "0.05"),
            (0, "usd", "0.0"),
            (500, "jpy", "500.0"),
            (1_234, "kwd", "1.234"),
            (500, "isk", "5.0"),
        ] {
            assert_eq!(serde_json::json!(whole_units(amount, currency)).to_string(), shown, "{currency}");
        }
    }
}
