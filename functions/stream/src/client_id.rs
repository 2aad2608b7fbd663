//! Ids that clients make.

use std::str::FromStr;

use serde::Deserialize;

/// The longest id, in characters.
const MAX_LENGTH: usize = 128;

/// The id of a chat or a message, made by a client.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, min_length = 1, max_length = 128, pattern = r"^[^\x00]+$", examples("Vh8sP2qLx0aYtR4e"))]
pub(crate) struct ClientId(String);

/// A text is no id.
#[derive(Debug, thiserror::Error)]
#[error("must be 1 to {MAX_LENGTH} characters, without U+0000")]
pub(crate) struct InvalidClientId;

impl ClientId {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ClientId {
    type Error = InvalidClientId;

    fn try_from(text: String) -> Result<Self, InvalidClientId> {
        let is_valid = !text.is_empty() && text.chars().count() <= MAX_LENGTH && !text.contains('\0');
        if is_valid { Ok(Self(text)) } else { Err(InvalidClientId) }
    }
}

impl FromStr for ClientId {
    type Err = InvalidClientId;

    fn from_str(text: &str) -> Result<Self, InvalidClientId> {
        text.to_owned().try_into()
    }
}
