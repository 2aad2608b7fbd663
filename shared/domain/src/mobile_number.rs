//! Mobile numbers, the name by which an account is known.

use std::fmt;

use garde::{Error, Path, Report, Validate};
use serde::Deserialize;

/// A number in E.164 form (`+` and 8 to 15 digits, ITU-T E.164 section 6). Spaces, dashes, dots and brackets are
/// taken away on the way in, a leading `00` becomes `+`, and a missing `+` is added, so that the ways to write one
/// number are one account. Whether it is a number at all is told by [`Validate`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct MobileNumber(String);

impl MobileNumber {
    /// The number in E.164 form, for example `+4915112345678`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn fault(&self) -> Option<&'static str> {
        let Some(digits) = self.0.strip_prefix('+') else { return Some("is required") };
        let well_formed = (8..=15).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0');
        (!well_formed).then_some("must be a phone number in international form, like +4915112345678")
    }
}

impl From<String> for MobileNumber {
    fn from(text: String) -> Self {
        let bare: String = text
            .chars()
            .filter(|c| !(c.is_whitespace() || matches!(c, '-' | '.' | '(' | ')' | '/')))
            .collect();
        if bare.is_empty() {
            return Self::default();
        }
        let digits = bare.strip_prefix('+').or_else(|| bare.strip_prefix("00")).unwrap_or(&bare);
        Self(format!("+{digits}"))
    }
}

impl From<&str> for MobileNumber {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl fmt::Display for MobileNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Validate for MobileNumber {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        if let Some(fault) = self.fault() {
            report.append(parent(), Error::new(fault));
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
        ] {
            let number = MobileNumber::from(text);
            assert_eq!(number.as_str(), "+4915112345678", "{text}");
            assert!(number.validate().is_ok());
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "",
            " ",
            "abc",
            "+0151234567",
            "+1234567",
            "+1234567890123456",
            "+49151１２３４５",
            "++4915112345678",
            "+",
        ] {
            assert!(MobileNumber::from(text).validate().is_err(), "{text}");
        }
    }
}
