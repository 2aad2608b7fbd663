//! Refresh tokens: the session's id and 256 random bits, which a client keeps and of which we keep only the hash.
//!
//! Each is used once and replaced by the next. The id finds the session whatever the rest says, so that one which was
//! replaced already is known for what it is: stolen, or sent twice.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rand::{CryptoRng, RngExt};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::SessionId;

/// The bytes of a token: the session's id, then the random ones.
const LENGTH: usize = 16 + 32;

/// A refresh token as the client holds it.
#[derive(Debug, Clone)]
pub struct RefreshToken(SecretString);

impl RefreshToken {
    /// A new token of `session`: 64 characters of base64url.
    pub fn generate(session: SessionId, rng: &mut impl CryptoRng) -> Self {
        let secret: [u8; 32] = rng.random();
        Self(BASE64_URL_SAFE_NO_PAD.encode([session.0.as_bytes().as_slice(), &secret].concat()).into())
    }

    /// The token that a client sent, and the session that it is of; `None` when it cannot be one of ours.
    #[must_use]
    pub fn parse(text: &str) -> Option<(SessionId, Self)> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() == LENGTH)?;
        let session = SessionId(Uuid::from_slice(bytes.get(..16)?).ok()?);
        Some((session, Self(text.to_owned().into())))
    }

    /// The token itself, for the answer to the client.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// SHA-256 of the token: what is stored. A salt would add nothing to 256 random bits.
    #[must_use]
    pub fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.expose().as_bytes()).to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    #[test]
    fn tokens_differ_and_stay_out_of_debug() {
        let (session, rng) = (SessionId::new(DateTime::UNIX_EPOCH), &mut StdRng::seed_from_u64(1));
        let (a, b) = (RefreshToken::generate(session, rng), RefreshToken::generate(session, rng));
        assert_ne!(a.expose(), b.expose());
        assert_ne!(a.hash(), b.hash());
        assert!(!format!("{a:?}").contains(a.expose()));
    }

    #[test]
    fn a_token_says_of_which_session_it_is_and_nothing_else_is_one() {
        let session = SessionId::new(DateTime::UNIX_EPOCH);
        let token = RefreshToken::generate(session, &mut StdRng::seed_from_u64(1));
        let (found, same) = RefreshToken::parse(token.expose()).unwrap();
        assert_eq!((found, same.hash()), (session, token.hash()));
        for wrong in ["", "x", &token.expose()[1..], &format!("{}A", token.expose()), "ü"] {
            assert!(RefreshToken::parse(wrong).is_none(), "{wrong}");
        }
    }
}
