//! Mobile numbers, which identify accounts.
//!
//! A number that an account may have been stored with before is an [`AccountNumber`]; that of a new
//! account must be possible today.

mod account_number;
mod spellings;

pub use account_number::AccountNumber;
use account_number::has_calling_code_of;
use spellings::{earlier_spellings, typed, without_old_prefix};

use std::fmt;

use garde::{Error, Path, Report, Validate};
use rlibphonenumber::{
    NumberLengthType, PHONE_NUMBER_UTIL, ParseError, PhoneNumber, PhoneNumberFormat, PhoneNumberType,
    ValidationError,
};
use serde::Deserialize;

/// The number of final digits that distinguish the numbers of one block.
const SUBSCRIBER_DIGITS: usize = 4;

/// The `possibleLengths` of libphonenumber's metadata for US and IN. Without a `+`, such a number is
/// not read as a shorter one of another country: `4155550123` of San Francisco is not Swiss.
const NATIONAL_DIGITS: usize = 10;

/// The longest accepted spelling of a number, in characters.
const MAX_CHARACTERS: usize = 40;

/// A number in E.164 form (`+` and the digits, ITU-T E.164 section 6), read by the numbering plans
/// of Google's libphonenumber.
///
/// The `+` may be written as `00`, or be missing unless the text could be a national number.
/// Spaces, dashes, brackets, a trunk zero and digits of other scripts are accepted, so that every
/// spelling of a number leads to the same account. [`Validate`] checks that it is a possible
/// number, [`Self::check_reachable`] that it can receive a code.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(from = "String")]
pub struct MobileNumber {
    /// The number in E.164 form; empty if the text is no number.
    number: String,
    /// The digits as they were typed, with a `+`.
    typed: String,
    /// Whether no numbering plan has the number; only an [`AccountNumber`] may.
    is_unplanned: bool,
    problem: Option<Problem>,
}

impl PartialEq for MobileNumber {
    fn eq(&self, other: &Self) -> bool {
        (&self.number, self.problem) == (&other.number, other.problem)
    }
}

impl Eq for MobileNumber {}

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

    /// The texts under which an account with this number may be stored: the digits as they were typed
    /// first, so that a stored number always finds its own account, then the number in today's form,
    /// then the earlier ones.
    #[must_use]
    pub fn spellings(&self) -> Vec<String> {
        let all =
            [self.typed.clone(), self.number.clone()].into_iter().chain(earlier_spellings(&self.number));
        let mut spellings = Vec::new();
        for spelling in all.filter(|spelling| !spelling.is_empty()) {
            if !spellings.contains(&spelling) {
                spellings.push(spelling);
            }
        }
        spellings
    }

    /// Whether no numbering plan has the number, so that a text message to it probably fails.
    #[must_use]
    pub const fn is_unplanned(&self) -> bool {
        self.is_unplanned
    }

    /// The number without its last four digits.
    #[must_use]
    pub fn block(&self) -> &str {
        self.number.get(..self.number.len().saturating_sub(SUBSCRIBER_DIGITS)).unwrap_or_default()
    }

    /// Checks that the number can receive a text message: it is a mobile number, as far as the
    /// numbering plan distinguishes them, of one of `countries`. These are ISO 3166 codes of two
    /// letters; an empty list allows every country.
    ///
    /// Of a number that no plan has, only the country is known.
    pub fn check_reachable(&self, countries: &[String]) -> Result<(), Unreachable> {
        if self.is_unplanned {
            let served = countries.is_empty() || has_calling_code_of(&self.number, countries);
            return if served { Ok(()) } else { Err(Unreachable::NotServed) };
        }
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

/// What is wrong with a text that is no number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Problem {
    #[default]
    Missing,
    NotANumber,
    NoCountryCode,
    UnknownCountryCode,
    TooShort,
    TooLong,
}

impl Problem {
    const fn text(self) -> &'static str {
        match self {
            Self::Missing => "is required",
            Self::NotANumber => "must be a phone number in international form, like +4915112345678",
            Self::NoCountryCode => "must begin with + and the code of the country, like +4915112345678",
            Self::UnknownCountryCode => "begins with a code that no country has",
            Self::TooShort => "has too few digits for its country",
            Self::TooLong => "has too many digits",
        }
    }
}

/// The number in E.164 form.
fn read(text: &str) -> Result<String, Problem> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Problem::Missing);
    }
    // The library also finds numbers inside a text and reads letters as keys. This field accepts
    // neither.
    if text.chars().count() > MAX_CHARACTERS || text.chars().any(|c| c.is_alphabetic() || c.is_control()) {
        return Err(Problem::NotANumber);
    }
    // The library requires the `+`, which users may omit or write as 00.
    let is_international = text.contains(['+', '＋']) || text.starts_with("00");
    let digits = PHONE_NUMBER_UTIL.normalize_digits_only(text);
    if !is_international && (digits.starts_with('0') || digits.len() == NATIONAL_DIGITS) {
        return Err(Problem::NoCountryCode);
    }
    let text = text.strip_prefix("00").unwrap_or(text);
    let international = if text.contains(['+', '＋']) { text.to_owned() } else { format!("+{text}") };
    let international = without_old_prefix(&digits).unwrap_or(international);
    let number = PHONE_NUMBER_UTIL.parse(international, None).map_err(|error| match error {
        ParseError::InvalidCountryCode => Problem::UnknownCountryCode,
        ParseError::TooShortNsn | ParseError::TooShortAfterIdd => Problem::TooShort,
        ParseError::TooLongNsn => Problem::TooLong,
        ParseError::NotANumber(_) => Problem::NotANumber,
    })?;
    match PHONE_NUMBER_UTIL.is_possible_number_with_reason(&number) {
        Ok(NumberLengthType::IsPossible) if number.extension.is_none() => {}
        Ok(NumberLengthType::IsPossibleLocalOnly) | Err(ValidationError::TooShort) => {
            return Err(Problem::TooShort);
        }
        Err(ValidationError::TooLong) => return Err(Problem::TooLong),
        Err(ValidationError::InvalidCountryCode) => return Err(Problem::UnknownCountryCode),
        Ok(_) | Err(_) => return Err(Problem::NotANumber),
    }
    Ok(PHONE_NUMBER_UTIL.format(&number, PhoneNumberFormat::E164).into_owned())
}

impl From<String> for MobileNumber {
    fn from(text: String) -> Self {
        match read(&text) {
            Ok(number) => Self { number, typed: typed(&text), ..Self::default() },
            Err(problem) => Self { problem: Some(problem), ..Self::default() },
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
            report.append(parent(), Error::new(self.problem.unwrap_or_default().text()));
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
    fn refusal_says_what_is_missing() {
        for (text, problem) in [
            ("", Problem::Missing),
            ("4155550123", Problem::NoCountryCode),
            ("(415) 555-0123", Problem::NoCountryCode),
            ("0151 12345678", Problem::NoCountryCode),
            ("+999151234567", Problem::UnknownCountryCode),
            ("+49151", Problem::TooShort),
            ("+1 415 555", Problem::TooShort),
            ("+1 415 555 01234", Problem::TooLong),
            ("call me", Problem::NotANumber),
        ] {
            assert_eq!(MobileNumber::from(text).problem, Some(problem), "{text}");
        }
        assert_eq!(MobileNumber::from("+4512345678").as_str(), "+4512345678");
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
