//! The thresholds of Google's safety filters.
//!
//! Source: <https://ai.google.dev/gemini-api/docs/safety-settings>.

use std::str::FromStr;

use serde::Serialize;
use thiserror::Error;

/// The thresholds that Google knows.
const THRESHOLDS: [&str; 5] =
    ["BLOCK_LOW_AND_ABOVE", "BLOCK_MEDIUM_AND_ABOVE", "BLOCK_ONLY_HIGH", "BLOCK_NONE", "OFF"];

/// The prefix of each category.
const CATEGORY_PREFIX: &str = "HARM_CATEGORY_";

/// The threshold of one category, parsed from `HARM_CATEGORY_HARASSMENT=BLOCK_ONLY_HIGH`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SafetySetting {
    category: String,
    threshold: &'static str,
}

/// A safety setting is not `CATEGORY=THRESHOLD` in Google's names.
#[derive(Debug, Error)]
#[error(
    "a safety setting must be CATEGORY=THRESHOLD, such as HARM_CATEGORY_HARASSMENT=BLOCK_ONLY_HIGH; the \
     thresholds are {}", THRESHOLDS.join(", ")
)]
pub struct SafetySettingError;

impl SafetySetting {
    /// Google's name of the category, such as `HARM_CATEGORY_HARASSMENT`.
    #[must_use]
    pub fn category(&self) -> &str {
        &self.category
    }
}

impl FromStr for SafetySetting {
    type Err = SafetySettingError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (category, threshold) = text.split_once('=').ok_or(SafetySettingError)?;
        let (category, threshold) = (category.trim(), threshold.trim());
        let name = category.strip_prefix(CATEGORY_PREFIX).ok_or(SafetySettingError)?;
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
        let threshold = THRESHOLDS.into_iter().find(|known| *known == threshold);
        match threshold {
            Some(threshold) if is_name => Ok(Self { category: category.to_owned(), threshold }),
            _ => Err(SafetySettingError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_google_names_are_safety_settings() {
        let setting: SafetySetting = "HARM_CATEGORY_HARASSMENT = BLOCK_NONE".parse().unwrap();
        assert_eq!((setting.category(), setting.threshold), ("HARM_CATEGORY_HARASSMENT", "BLOCK_NONE"));
        for text in
            ["", "HARM_CATEGORY_HARASSMENT", "HARASSMENT=OFF", "HARM_CATEGORY_=OFF", "HARM_CATEGORY_X=LOW"]
        {
            assert!(text.parse::<SafetySetting>().is_err(), "{text}");
        }
    }
}
