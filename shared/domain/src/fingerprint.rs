//! A hash that represents a text where the text itself must not be stored.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::keyed_hash::keyed_hash;

/// HMAC-SHA-256 under `key` over `parts`: 43 characters of base64url. Unlike a [`fingerprint`], it does
/// not let anyone without the key find a short text, such as a number or a code, by trying them all.
#[must_use]
pub fn keyed_fingerprint(key: &[u8], parts: &[&str]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(keyed_hash(key, parts))
}

/// The SHA-256 of `bytes`: 43 characters of base64url.
#[must_use]
pub fn fingerprint(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprint_is_standard_sha_256() {
        assert_eq!(fingerprint(b"abc"), "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
        assert_ne!(fingerprint(b""), fingerprint(b"\0"));
    }

    #[test]
    fn keyed_fingerprint_depends_on_key_and_parts() {
        let hash = keyed_fingerprint(b"key", &["a", "b"]);
        assert_eq!(hash, keyed_fingerprint(b"key", &["a", "b"]));
        assert_ne!(hash, keyed_fingerprint(b"other", &["a", "b"]));
        assert_ne!(hash, keyed_fingerprint(b"key", &["ab"]));
    }
}
