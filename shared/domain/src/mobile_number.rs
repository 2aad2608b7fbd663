//! Mobile numbers, the name by which an account is known.

use std::fmt;

use garde::{Error, Path, Report, Validate};
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat, PhoneNumberType};
use serde::Deserialize;

/// How many digits at the end of a number tell those apart that are sold together.
const SUBSCRIBER_DIGITS: usize = 4;

/// The most characters that a number is written in.
const LONGEST: usize = 40;

/// A number in E.164 form (`+` and the digits, ITU-T E.164 section 6), by the numbering plans of Google's libphonenumber.
/// `00` may stand for the `+`, which may be missing; spaces, dashes, brackets, a trunk zero and digits of other scripts are
/// read as people write them: the ways to write one number are one account. Whether it can be a number at all is told by
/// [`Validate`], whether a code can be sent to it by [`Self::reachable`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct MobileNumber {
    /// E.164; empty where it is none.
    number: String,
    /// Whether something was there.
    given: bool,
}

/// Why no code is sent to a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreachable {
    /// The numbering plan of its country has no such number, or not for a mobile phone.
    NotMobile,
    /// Its country is not one that is served.
    NotServed,
}

impl MobileNumber {
    /// The number in E.164 form, for example `+4915112345678`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.number
    }

    /// The number without its last four digits: the block that it was handed out in.
    #[must_use]
    pub fn block(&self) -> &str {
        self.number.get(..self.number.len().saturating_sub(SUBSCRIBER_DIGITS)).unwrap_or_default()
    }

    /// Sees whether a text message can be sent to it: a mobile number, as far as its country's plan tells those, of one of
    /// `countries` (ISO 3166, two letters; none: of any).
    ///
    /// # Errors
    /// [`Unreachable`] otherwise.
    pub fn reachable(&self, countries: &[String]) -> Result<(), Unreachable> {
        let number = parse(&self.number).ok_or(Unreachable::NotMobile)?;
        let kind = number.get_type();
        if !matches!(kind, PhoneNumberType::Mobile | PhoneNumberType::FixedLineOrMobile) {
            return Err(Unreachable::NotMobile);
        }
        let country = number.get_region_code();
        let served = countries.is_empty()
            || country.is_some_and(|country| countries.iter().any(|served| *served == country.to_string()));
        if served { Ok(()) } else { Err(Unreachable::NotServed) }
    }
}

fn parse(text: &str) -> Option<PhoneNumber> {
    PHONE_NUMBER_UTIL.parse(text, None).ok()
}

impl From<String> for MobileNumber {
    fn from(text: String) -> Self {
        let text = text.trim();
        if text.is_empty() {
            return Self::default();
        }
        // The library wants the `+`, which people leave out and some write as 00.
        let digits = text.strip_prefix("00").unwrap_or(text);
        let international = if text.contains('+') { text.to_owned() } else { format!("+{digits}") };
        // It also finds numbers within a text, and reads letters as keys: neither is what a field for a number has.
        let plain =
            text.chars().count() <= LONGEST && !text.chars().any(|c| c.is_alphabetic() || c.is_control());
        let number = parse(&international).filter(|number| {
            plain && PHONE_NUMBER_UTIL.is_possible_number(number) && number.extension.is_none()
        });
        match number {
            Some(number) => {
                let number = PHONE_NUMBER_UTIL.format(&number, PhoneNumberFormat::E164).into_owned();
                Self { number, given: true }
            }
            None => Self { number: String::new(), given: true },
        }
    }
}

impl From<&str> for MobileNumber {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl fmt::Display for MobileNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.number)
    }
}

impl Validate for MobileNumber {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        if self.number.is_empty() {
            let malformed = "must be a phone number in international form, like +4915112345678";
            report.append(parent(), Error::new(if self.given { malformed } else { "is required" }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ways_to_write_a_number_are_one() {
        for text in [
            "+4915112345678",
            "4915112345678",
            "004915112345678",
            "+49 151 / 123-456.78",
            "(+49) 15112345678",
            "+49 (0) 151 12345678",
            "+49 0151 12345678",
            " ＋４９１５１１２３４５６７８ ",
            "+٤٩١٥١١٢٣٤٥٦٧٨",
        ] {
            let number = MobileNumber::from(text);
            assert_eq!(number.as_str(), "+4915112345678", "{text}");
            assert!(number.validate().is_ok());
        }
        assert_eq!(MobileNumber::from("+44 (0)7911 123456"), MobileNumber::from("447911123456"));
        // A zero that belongs to the number.
        assert_eq!(MobileNumber::from("+39 06 1234 5678").as_str(), "+390612345678");
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "",
            " ",
            "abc",
            "+",
            "++",
            "+1234567",
            "+1234567890123456",
            "+999151234567",
            "+49 151 12345678 ext. 7",
            "+4915112345678\0",
            "tel:+4915112345678;phone-context=x",
            &"1".repeat(60_000),
        ] {
            assert!(MobileNumber::from(text).validate().is_err(), "{text:.40}");
        }
    }

    #[test]
    fn codes_go_to_mobile_numbers_of_the_countries_served() {
        let reachable = |text: &str, countries: &[&str]| {
            let countries: Vec<String> = countries.iter().map(|&country| country.to_owned()).collect();
            MobileNumber::from(text).reachable(&countries)
        };
        for (number, country) in [("+4915112345678", "DE"), ("+12025550123", "US"), ("+919876543210", "IN")] {
            assert_eq!(reachable(number, &[]), Ok(()), "{number}");
            assert_eq!(reachable(number, &["FR", country]), Ok(()), "{number}");
            assert_eq!(reachable(number, &["FR"]), Err(Unreachable::NotServed), "{number}");
        }
        // Of the same dialling code, and another country.
        assert_eq!(reachable("+18765551234", &["US"]), Err(Unreachable::NotServed));
        for number in ["+493012345678", "+18005550199", "+449098790000", "+88213300000"] {
            assert_eq!(reachable(number, &[]), Err(Unreachable::NotMobile), "{number}");
        }
    }

    #[test]
    fn a_block_is_all_but_the_last_four_digits() {
        assert_eq!(MobileNumber::from("+4915112345678").block(), "+491511234");
        assert_eq!(MobileNumber::default().block(), "");
    }
}
