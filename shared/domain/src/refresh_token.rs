//! Refresh tokens: 256 random bits that a client keeps and of which we keep only the hash.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rand::{CryptoRng, RngExt};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// A refresh token as the client holds it.
#[derive(Debug, Clone)]
pub struct RefreshToken(SecretString);

impl RefreshToken {
    /// A new token: 43 characters of base64url.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let bytes: [u8; 32] = rng.random();
        Self(BASE64_URL_SAFE_NO_PAD.encode(bytes).into())
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
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    #[test]
    fn tokens_differ_and_stay_out_of_debug() {
        let rng = &mut StdRng::seed_from_u64(1);
        let (a, b) = (RefreshToken::generate(rng), RefreshToken::generate(rng));
        assert_ne!(a.expose(), b.expose());
        assert_ne!(a.hash(), b.hash());
        assert!(!format!("{a:?}").contains(a.expose()));
    }
}
