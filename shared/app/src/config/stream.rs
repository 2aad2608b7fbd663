//! The base URL of the streaming API.

use std::str::FromStr;

/// The base URL of the streaming API: `https://host`, with a path or without, or `/` for the API's own
/// origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamBaseUrl(String);

impl StreamBaseUrl {
    /// The URL, without a slash at its end unless it is `/`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The origin, unless it is the API's own one.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        let (scheme, rest) = self.0.split_once("://")?;
        let host = rest.split('/').next().unwrap_or_default();
        self.0.get(..scheme.len() + "://".len() + host.len())
    }
}

impl FromStr for StreamBaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The origin becomes a part of the page's content security policy.
        let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || "-._~:/[]".contains(letter);
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let has_host = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', ':']));
        if text == "/" {
            return Ok(Self(text.to_owned()));
        }
        if !has_host || !text.chars().all(is_allowed) {
            return Err("must be a URL such as https://api.example.com, or /".to_owned());
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_is_the_part_before_the_path() {
        let read = |text: &str| text.parse::<StreamBaseUrl>().unwrap();
        let url = read("https://a1.execute-api.eu-central-1.amazonaws.com/live/");
        assert_eq!(url.as_str(), "https://a1.execute-api.eu-central-1.amazonaws.com/live");
        assert_eq!(url.origin(), Some("https://a1.execute-api.eu-central-1.amazonaws.com"));
        assert_eq!(read("http://127.0.0.1:3000").origin(), Some("http://127.0.0.1:3000"));
        assert_eq!((read("/").as_str(), read("/").origin()), ("/", None));
    }

    #[test]
    fn text_that_is_no_url_is_refused() {
        for text in [
            "api.example.com",
            "https://",
            "https:///x",
            "//x",
            "/x",
            "ftp://x",
            "https://x; script-src *",
            "https://x y",
        ] {
            assert!(text.parse::<StreamBaseUrl>().is_err(), "{text}");
        }
    }
}
