//! Text that a client sends, with bounds in characters.

use garde::{Error, Path, Report, Validate};
use serde::Deserialize;

/// Text of `MIN` to `MAX` Unicode scalar values, of which at least `MIN` remain when white space around it is
/// taken away. NUL is refused: Postgres cannot hold it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Text<const MIN: usize, const MAX: usize>(String);

impl<const MIN: usize, const MAX: usize> Text<MIN, MAX> {
    /// The text as it was sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text without white space around it.
    #[must_use]
    pub fn trimmed(&self) -> &str {
        self.0.trim()
    }

    /// What is wrong with the text, if anything.
    fn fault(&self) -> Option<String> {
        if MIN > 0 && self.trimmed().is_empty() {
            return Some("is required".to_owned());
        }
        if self.0.contains('\0') {
            return Some("must not contain the character U+0000".to_owned());
        }
        if self.trimmed().chars().count() < MIN || self.0.chars().count() > MAX {
            return Some(match MIN {
                0 => format!("must be at most {MAX} characters"),
                _ => format!("must be {MIN} to {MAX} characters"),
            });
        }
        None
    }
}

impl<const MIN: usize, const MAX: usize> From<&str> for Text<MIN, MAX> {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl<const MIN: usize, const MAX: usize> Validate for Text<MIN, MAX> {
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

    type Name = Text<2, 4>;

    #[test]
    fn text_within_its_bounds_is_accepted() {
        for text in ["ab", "abcd", " ab ", "äöüß", "日本"] {
            assert!(Name::from(text).validate().is_ok(), "{text:?}");
        }
    }

    #[test]
    fn text_out_of_its_bounds_is_refused_with_the_bounds() {
        for (text, why) in [
            ("", "is required"),
            ("   ", "is required"),
            ("a", "2 to 4"),
            (" a ", "2 to 4"),
            ("abcde", "2 to 4"),
            ("a\0b", "U+0000"),
        ] {
            let report = Name::from(text).validate().unwrap_err();
            assert!(report.to_string().contains(why), "{text:?}: {report}");
        }
    }
}
