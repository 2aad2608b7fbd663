//! [`AccountNumber`]: the number of an account that may exist already.

use std::ops::{Deref, RangeInclusive};

use garde::{Path, Report, Validate};
use rlibphonenumber::PHONE_NUMBER_UTIL;
use serde::Deserialize;

use super::{MAX_CHARACTERS, MobileNumber, typed};

/// The digits of a number: at least those of the pattern in the OpenAPI document, at most those of
/// ITU-T E.164, section 6.
const DIGITS: RangeInclusive<usize> = 6..=15;

/// The number of an account that may exist already. Accounts are imported, and numbering plans change:
/// in international form, a number is accepted even if no plan has it today, so that a stored number
/// always finds its account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct AccountNumber(MobileNumber);

impl Deref for AccountNumber {
    type Target = MobileNumber;

    fn deref(&self) -> &MobileNumber {
        &self.0
    }
}

impl From<String> for AccountNumber {
    fn from(text: String) -> Self {
        let number = MobileNumber::from(text.as_str());
        if number.problem.is_none() {
            return Self(number);
        }
        let unplanned = unplanned(text.trim()).map(|number| MobileNumber {
            typed: number.clone(),
            number,
            is_unplanned: true,
            problem: None,
        });
        Self(unplanned.unwrap_or(number))
    }
}

impl From<&str> for AccountNumber {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl Validate for AccountNumber {
    type Context = ();

    fn validate_into(&self, context: &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        self.0.validate_into(context, parent, report);
    }
}

/// The digits of a text in international form, which no plan has, with a `+`.
fn unplanned(text: &str) -> Option<String> {
    let rest = text.strip_prefix(['+', '＋']).or_else(|| text.strip_prefix("00"))?;
    let is_number = rest.chars().all(|c| c.is_numeric() || c.is_whitespace() || "()./-".contains(c));
    if !is_number || text.chars().count() > MAX_CHARACTERS {
        return None;
    }
    let number = typed(text);
    let digits = number.len().saturating_sub(1);
    let begins_with_a_country = !number.starts_with("+0");
    (begins_with_a_country && DIGITS.contains(&digits)).then_some(number)
}

/// Whether the longest calling code that `number` begins with is one of `countries`.
pub(super) fn has_calling_code_of(number: &str, countries: &[String]) -> bool {
    let digits = number.trim_start_matches('+');
    let code = |length| digits.get(..length)?.parse::<i32>().ok();
    let mut regions = (1..=3)
        .rev()
        .filter_map(code)
        .filter_map(|code| PHONE_NUMBER_UTIL.get_regions_for_country_calling_code(code));
    regions.next().is_some_and(|mut regions| {
        regions.any(|region| countries.iter().any(|country| *country == region.to_string()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mobile_number::Unreachable;

    #[test]
    fn number_of_no_plan_is_read_as_typed() {
        for (text, number) in [
            ("+1234567", "+1234567"),
            ("+99 915-12 345 67", "+99915 1234567"),
            ("001 415 555 01234", "+141555501234"),
            ("+44 1511", "+441511"),
        ] {
            let number = number.replace(' ', "");
            assert!(MobileNumber::from(text).validate().is_err(), "{text}");
            assert!(AccountNumber::from(text).validate().is_ok(), "{text}");
            assert_eq!(AccountNumber::from(text).as_str(), number);
            assert_eq!(AccountNumber::from(text).spellings(), [number]);
        }
    }

    #[test]
    fn other_numbers_are_read_as_those_of_new_accounts() {
        for text in ["+49 151 12345678", "+52 1 55 1234 5678", "004915112345678", "447911123456"] {
            assert_eq!(*AccountNumber::from(text), MobileNumber::from(text));
        }
    }

    #[test]
    fn texts_without_a_country_code_are_refused() {
        for text in [
            "",
            "+",
            "00",
            "+0151",
            "4155550123",
            "0151 12345678",
            "abc",
            "+1a",
            "+12345",
            "+1+234567",
            "+1234567890123456",
        ] {
            assert!(AccountNumber::from(text).validate().is_err(), "{text}");
        }
    }

    #[test]
    fn number_of_no_plan_is_reachable_in_served_countries() {
        let reachable = |text: &str, countries: &[&str]| {
            let countries: Vec<String> = countries.iter().map(|&country| country.to_owned()).collect();
            AccountNumber::from(text).check_reachable(&countries)
        };
        assert_eq!(reachable("+1234567", &[]), Ok(()));
        assert_eq!(reachable("+1234567", &["DE", "CA"]), Ok(()));
        assert_eq!(reachable("+441511", &["GB"]), Ok(()));
        assert_eq!(reachable("+1234567", &["DE"]), Err(Unreachable::NotServed));
        assert_eq!(reachable("+9991512345", &["DE"]), Err(Unreachable::NotServed));
    }
}
