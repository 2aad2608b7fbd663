//! Text from a client, with a minimum and a maximum length in characters.

use garde::{Error, Path, Report, Validate};
use serde::Deserialize;

use crate::blank::{is_blank, is_invisible};

/// Text of `MIN` to `MAX` Unicode scalar values. At least `MIN` must remain after trimming, without
/// invisible ones. U+0000 is refused, because Postgres cannot store it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Text<const MIN: usize, const MAX: usize>(String);

impl<const MIN: usize, const MAX: usize> Text<MIN, MAX> {
    /// The text as the client sent it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text without leading and trailing white space: empty if the text shows nothing.
    #[must_use]
    pub fn trim(&self) -> &str {
        if is_blank(&self.0) { "" } else { self.0.trim() }
    }

    /// Why the text is invalid, or `None` if it is valid.
    fn find_error(&self) -> Option<String> {
        if MIN > 0 && self.trim().is_empty() {
            return Some("is required".to_owned());
        }
        if self.0.contains('\0') {
            return Some("must not contain the character U+0000".to_owned());
        }
        let visible = self.trim().chars().filter(|char| !is_invisible(*char)).count();
        if visible < MIN || self.0.chars().count() > MAX {
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
        if let Some(error) = self.find_error() {
            report.append(parent(), Error::new(error));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Name = Text<2, 4>;

    #[test]
    fn text_within_the_bounds_is_accepted() {
        for text in ["ab", "abcd", " ab ", "äöüß", "日本", "a\u{200d}b"] {
            assert!(Name::from(text).validate().is_ok(), "{text:?}");
        }
    }

    #[test]
    fn trimmed_text_keeps_invisible_characters_unless_it_shows_nothing() {
        assert_eq!(Name::from(" ❤\u{fe0f} ").trim(), "❤\u{fe0f}");
        assert_eq!(Name::from(" \u{2800}\u{ad} ").trim(), "");
    }

    #[test]
    fn text_outside_the_bounds_is_refused_with_the_bounds() {
        for (text, why) in [
            ("", "is required"),
            ("   ", "is required"),
            ("\u{200b}\u{3164}", "is required"),
            ("\u{200b}a\u{200b}", "2 to 4"),
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
