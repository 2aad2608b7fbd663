//! The length of passwords, and the refusal of breached ones.

use garde::{Error, Path, Report, Validate};
use secrecy::ExposeSecret;

use super::{NewPassword, Password, normalise};
use crate::breached::is_breached;

/// The minimum length of a new password, in characters.
const MIN_LENGTH: usize = 8;
/// The maximum length of any password, in characters.
const MAX_LENGTH: usize = 128;

/// Why the length of `password` is invalid, or `None` if it is valid.
fn length_error(password: &str, min_length: usize) -> Option<String> {
    match normalise(password).chars().count() {
        0 => Some("is required".to_owned()),
        length if length < min_length || length > MAX_LENGTH => {
            Some(format!("must be {min_length} to {MAX_LENGTH} characters"))
        }
        _ => None,
    }
}

impl Validate for NewPassword {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        let password = self.0.expose_secret();
        let breach_error = || {
            let detail = "is known from a breach, so attackers try it first; choose another";
            is_breached(&normalise(password)).then(|| detail.to_owned())
        };
        if let Some(error) = length_error(password, MIN_LENGTH).or_else(breach_error) {
            report.append(parent(), Error::new(error));
        }
    }
}

impl Validate for Password {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        if let Some(error) = length_error(self.0.expose_secret(), 1) {
            report.append(parent(), Error::new(error));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_password_has_8_to_128_characters_and_no_known_breach() {
        for (text, expected) in [
            ("", Some("is required")),
            ("7 chars", Some("8 to 128")),
            ("8 chars!", None),
            ("pässwörd", None),
            (&"ä\u{308}o\u{308}".repeat(32), None),
            (&"x y".repeat(43), Some("8 to 128")),
            ("iloveyou", Some("breach")),
            ("Pa\u{73}sword", Some("breach")),
        ] {
            let report = NewPassword::from(text).validate();
            let error = report.as_ref().err().map(ToString::to_string);
            assert_eq!(error.is_some(), expected.is_some(), "{text}: {error:?}");
            assert!(error.is_none_or(|error| error.contains(expected.unwrap_or_default())), "{text}");
        }
        assert!(!format!("{:?}", NewPassword::from("hunter22")).contains("hunter22"));
    }
}
