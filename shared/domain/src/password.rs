//! Passwords and their argon2id hashes.
//!
//! Hashing takes tens of milliseconds of a core and 19 MiB of memory: callers run it off the async threads.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use garde::{Error, Path, Report, Validate};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use thiserror::Error as ThisError;

/// A password of 8 to 128 characters, as a person typed it. Any Unicode is allowed and nothing is cut off.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct NewPassword(SecretString);

/// A password offered to be checked. It has no lower bound, for accounts brought over from elsewhere.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct Password(SecretString);

/// The hash of a password could not be made.
#[derive(Debug, ThisError)]
#[error("the password could not be hashed: {0}")]
pub struct HashError(argon2::password_hash::Error);

impl NewPassword {
    /// The hash to keep, as a PHC string.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn hash(&self) -> Result<String, HashError> {
        let hash = hasher().hash_password(self.0.expose_secret().as_bytes()).map_err(HashError)?;
        Ok(hash.to_string())
    }
}

impl Password {
    /// Whether this is the password behind `hash` (a PHC string). A hash that cannot be read matches nothing, which takes
    /// as long to find out.
    #[must_use]
    pub fn matches(&self, hash: &str) -> bool {
        let known = PasswordHash::new(hash).or_else(|_| PasswordHash::new(NOBODYS_HASH));
        known.is_ok_and(|hash| hasher().verify_password(self.0.expose_secret().as_bytes(), &hash).is_ok())
    }
}

/// A hash that no password matches, with the cost of a real one: checked when there is no account, so that the time
/// taken does not tell.
pub const NOBODYS_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// OWASP's first recommendation for argon2id: 19 MiB, 2 passes, 1 lane.
fn hasher() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT)
}

macro_rules! secret_text {
    ($name:ident, $min:literal) => {
        impl Default for $name {
            fn default() -> Self {
                Self(SecretString::default())
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl Validate for $name {
            type Context = ();

            fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
                let length = self.0.expose_secret().chars().count();
                if length == 0 {
                    report.append(parent(), Error::new("is required"));
                } else if !($min..=128).contains(&length) {
                    report.append(parent(), Error::new(concat!("must be ", $min, " to 128 characters")));
                }
            }
        }
    };
}

secret_text!(NewPassword, 8);
secret_text!(Password, 1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_matches_its_own_hash_only() {
        let hash = NewPassword::from("correct horse").hash().unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(Password::from("correct horse").matches(&hash));
        assert!(!Password::from("correct hors").matches(&hash));
        assert!(!Password::from("correct horse").matches("not a hash"));
    }

    #[test]
    fn the_hash_of_nobody_can_be_read_and_matches_nothing() {
        assert!(PasswordHash::new(NOBODYS_HASH).is_ok());
        assert!(!Password::from("").matches(NOBODYS_HASH));
    }

    #[test]
    fn a_password_has_8_to_128_characters() {
        for (text, valid) in [
            ("", false),
            ("1234567", false),
            ("12345678", true),
            ("pässwörd", true),
            (&"x".repeat(129), false),
        ] {
            assert_eq!(NewPassword::from(text).validate().is_ok(), valid, "{text}");
        }
        assert!(!format!("{:?}", NewPassword::from("hunter22")).contains("hunter22"));
    }
}
