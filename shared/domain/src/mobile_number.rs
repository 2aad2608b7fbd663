//! Mobile numbers, which identify accounts.

use std::fmt;

use garde::{Error, Path, Report, Validate};
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat, PhoneNumberType};
use serde::Deserialize;

/// The number of final digits that distinguish the numbers of one block. Operators hand out numbers
/// in blocks of ten thousand.
const SUBSCRIBER_DIGITS: usize = 4;

/// The longest accepted spelling of a number, in characters.
const MAX_CHARACTERS: usize = 40;

/// A number in E.164 form (`+` and the digits, ITU-T E.164 section 6), read by the numbering plans
/// of Google's libphonenumber.
///
/// The `+` may be missing or written as `00`. Spaces, dashes, brackets, a trunk zero and digits of
/// other scripts are accepted, so that every spelling of a number leads to the same account.
/// [`Validate`] checks that it is a possible number, [`Self::check_reachable`] that it can receive
/// a code.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct MobileNumber {
    /// The number in E.164 form; empty if the text is no number.
    number: String,
    /// Whether the client sent any text.
    given: bool,
}

/// Why a number cannot receive a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreachable {
    /// The numbering plan of its country does not assign it to a mobile phone.
    NotMobile,
    /// The service does not send codes to its country.
    NotServed,
}

impl MobileNumber {
    /// The number in E.164 form, for example `+4915112345678`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.number
    }

    /// The number without its last four digits, which is the block that an operator was assigned.
    #[must_use]
    pub fn block(&self) -> &str {
        self.number.get(..self.number.len().saturating_sub(SUBSCRIBER_DIGITS)).unwrap_or_default()
    }

    /// Checks that the number can receive a text message: it is a mobile number, as far as the
    /// numbering plan distinguishes them, of one of `countries`. These are ISO 3166 codes of two
    /// letters; an empty list allows every country.
    pub fn check_reachable(&self, countries: &[String]) -> Result<(), Unreachable> {
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
        // The library requires the `+`, which users may omit or write as 00.
        let digits = text.strip_prefix("00").unwrap_or(text);
        let international = if text.contains('+') { text.to_owned() } else { format!("+{digits}") };
        // The library also finds numbers inside a text and reads letters as keys. This field
        // accepts neither.
        let is_plain = text.chars().count() <= MAX_CHARACTERS
            && !text.chars().any(|c| c.is_alphabetic() || c.is_control());
        let number = parse(&international).filter(|number| {
            is_plain && PHONE_NUMBER_UTIL.is_possible_number(number) && number.extension.is_none()
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
    fn all_spellings_of_a_number_are_equal() {
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
        // In Italy the zero belongs to the number.
        assert_eq!(MobileNumber::from("+39 06 1234 5678").as_str(), "+390612345678");
    }

    #[test]
    fn texts_that_are_no_number_are_refused() {
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
    fn only_mobile_numbers_of_served_countries_are_reachable() {
        let reachable = |text: &str, countries: &[&str]| {
            let countries: Vec<String> = countries.iter().map(|&country| country.to_owned()).collect();
            MobileNumber::from(text).check_reachable(&countries)
        };
        for (number, country) in [("+4915112345678", "DE"), ("+12025550123", "US"), ("+919876543210", "IN")] {
            assert_eq!(reachable(number, &[]), Ok(()), "{number}");
            assert_eq!(reachable(number, &["FR", country]), Ok(()), "{number}");
            assert_eq!(reachable(number, &["FR"]), Err(Unreachable::NotServed), "{number}");
        }
        // Jamaica has the same calling code as the United States.
        assert_eq!(reachable("+18765551234", &["US"]), Err(Unreachable::NotServed));
        for number in ["+493012345678", "+18005550199", "+449098790000", "+88213300000"] {
            assert_eq!(reachable(number, &[]), Err(Unreachable::NotMobile), "{number}");
        }
    }

    #[test]
    fn block_is_the_number_without_its_last_four_digits() {
        assert_eq!(MobileNumber::from("+4915112345678").block(), "+491511234");
        assert_eq!(MobileNumber::default().block(), "");
    }
}
