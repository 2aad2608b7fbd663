//! Refresh tokens: the id of the session, 256 random bits and an HMAC tag. The client stores the
//! token; the service stores only its hash.
//!
//! Each token is replaced by its successor, which an HMAC derives from it. A client that sends a
//! token again within the [`REUSE_INTERVAL`] therefore gets the same successor, and two tabs that
//! refresh at once hold one token. A token that is sent later was stolen: the session's id shows
//! which session ends. The tag proves that the service issued the token. Without it, anyone who
//! knows the id of a session could end that session.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use rand::{CryptoRng, RngExt};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::SessionId;

/// The length of the part before the tag: the session's id and the random bytes.
const BODY_BYTES: usize = 16 + 32;

/// The purpose of the HMAC that tags a token.
const TAG: &[u8] = b"refresh token\0";

/// How long a replaced token still gets its successor: the default of Supabase Auth.
pub const REUSE_INTERVAL: Duration = Duration::from_secs(10);

/// How long it does when the request that replaced it is repeated with its `Idempotency-Key`. It
/// exceeds the lease of an interrupted request, and bounds what a thief of both can do with them.
pub const REPETITION_INTERVAL: Duration = Duration::from_mins(1);

/// How many successors of a token are compared with the current one. A session is refreshed a few
/// times in the day for which a sign-up may be repeated.
const LONGEST_CHAIN: usize = 100;

/// A refresh token as the client stores it.
#[derive(Debug, Clone)]
pub struct RefreshToken(SecretString);

impl RefreshToken {
    /// A new token of `session`, tagged with `key`: 107 characters of base64url.
    pub fn generate(session: SessionId, key: &[u8], rng: &mut impl CryptoRng) -> Self {
        Self::from_secret(session, key, &rng.random::<[u8; 32]>())
    }

    /// The first token of a session that a sign-up starts: always the same for the same `key`, so that
    /// a repetition of the sign-up gets it again although only its hash is stored.
    #[must_use]
    pub fn first(session: SessionId, key: &[u8]) -> Self {
        let secret = hmac(key, b"first refresh token\0", session.0.as_bytes()).finalize().into_bytes();
        Self::from_secret(session, key, &secret)
    }

    /// The token whose hash is `stored`: this one, or the one that replaced it, up to
    /// `LONGEST_CHAIN` steps. `None` if it is none of them, or was made with another key.
    #[must_use]
    pub fn current(self, session: SessionId, key: &[u8], stored: &[u8]) -> Option<Self> {
        let mut tokens = std::iter::successors(Some(self), |token| Some(token.successor(session, key)));
        tokens.by_ref().take(LONGEST_CHAIN).find(|token| token.hash() == stored)
    }

    /// The token that replaces this one: always the same for the same `key`, and unpredictable
    /// without it.
    #[must_use]
    pub fn successor(&self, session: SessionId, key: &[u8]) -> Self {
        let secret = hmac(key, b"next refresh token\0", self.expose().as_bytes()).finalize().into_bytes();
        Self::from_secret(session, key, &secret)
    }

    fn from_secret(session: SessionId, key: &[u8], secret: &[u8]) -> Self {
        let body = [session.0.as_bytes().as_slice(), secret].concat();
        let tag = hmac(key, TAG, &body).finalize().into_bytes();
        Self(BASE64_URL_SAFE_NO_PAD.encode([body.as_slice(), &tag].concat()).into())
    }

    /// Parses a token from a client and returns it with its session. `None` if its tag was not made
    /// with one of `keys`.
    #[must_use]
    pub fn parse(text: &str, keys: &[&[u8]]) -> Option<(SessionId, Self)> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let (body, tag) = bytes.split_at_checked(BODY_BYTES)?;
        let session = SessionId(Uuid::from_slice(body.get(..16)?).ok()?);
        let is_authentic = keys.iter().any(|key| hmac(key, TAG, body).verify_slice(tag).is_ok());
        is_authentic.then(|| (session, Self(text.to_owned().into())))
    }

    /// The token itself, for the response to the client.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The SHA-256 of the token, which is stored. With 256 random bits it needs no salt.
    #[must_use]
    pub fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.expose().as_bytes()).to_vec()
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn hmac(key: &[u8], purpose: &[u8], message: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(purpose);
    mac.update(message);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    const KEY: &[u8] = b"a key";

    fn token(seed: u64) -> RefreshToken {
        let session = SessionId(Uuid::from_u128(7));
        RefreshToken::generate(session, KEY, &mut StdRng::seed_from_u64(seed))
    }

    #[test]
    fn tokens_are_random_and_hidden_in_debug() {
        let (a, b) = (token(1), token(2));
        assert_ne!(a.expose(), b.expose());
        assert_ne!(a.hash(), b.hash());
        assert!(!format!("{a:?}").contains(a.expose()));
    }

    #[test]
    fn successor_is_the_same_for_the_same_token_and_key() {
        let session = SessionId(Uuid::from_u128(7));
        let next = token(1).successor(session, KEY);
        assert_eq!(next.expose(), token(1).successor(session, KEY).expose());
        let others = [token(1), token(2).successor(session, KEY), token(1).successor(session, b"other")];
        assert!(others.iter().all(|other| other.expose() != next.expose()));
        assert_eq!(RefreshToken::parse(next.expose(), &[KEY]).unwrap().0, session);
    }

    #[test]
    fn current_token_is_found_from_the_first() {
        let session = SessionId(Uuid::from_u128(7));
        let first = RefreshToken::first(session, KEY);
        let third = first.successor(session, KEY).successor(session, KEY);
        let current = |key, hash: &[u8]| RefreshToken::first(session, key).current(session, key, hash);
        assert_eq!(current(KEY, &first.hash()).unwrap().expose(), first.expose());
        assert_eq!(current(KEY, &third.hash()).unwrap().expose(), third.expose());
        assert!(current(KEY, &token(1).hash()).is_none());
        assert!(current(b"other", &first.hash()).is_none());
        let other = SessionId(Uuid::from_u128(8));
        assert_ne!(first.expose(), RefreshToken::first(other, KEY).expose());
    }

    #[test]
    fn token_contains_its_session() {
        let (found, same) = RefreshToken::parse(token(1).expose(), &[b"a newer key", KEY]).unwrap();
        assert_eq!((found.0, same.hash()), (Uuid::from_u128(7), token(1).hash()));
    }

    #[test]
    fn forged_tokens_are_refused_even_for_an_existing_session() {
        let issued = token(1);
        let guessed =
            BASE64_URL_SAFE_NO_PAD.encode([Uuid::from_u128(7).as_bytes().as_slice(), &[0; 64]].concat());
        let session = SessionId::new(DateTime::UNIX_EPOCH);
        let others = RefreshToken::generate(session, b"another key", &mut StdRng::seed_from_u64(1));
        let longer = format!("{}AAAA", issued.expose());
        for wrong in ["", "x", &issued.expose()[4..], &longer, &guessed, others.expose(), "ü"] {
            assert!(RefreshToken::parse(wrong, &[KEY]).is_none(), "{wrong}");
        }
    }
}
