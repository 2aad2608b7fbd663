//! Passwords and their argon2id hashes.
//!
//! Hashing takes tens of milliseconds of a core and 19 MiB of memory, so callers run it on a
//! blocking thread.

mod hasher;
mod validation;

use std::borrow::Cow;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Params, Version};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use thiserror::Error as ThisError;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use self::hasher::Hasher;
use crate::MobileNumber;

/// A new password of 8 to 128 characters, as the user typed it.
///
/// Any Unicode is allowed and nothing is truncated. Passwords are compared in normalisation form C
/// (RFC 8265), because keyboards differ in how they encode the same letter. Passwords from known
/// breaches are refused.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct NewPassword(SecretString);

/// A password to verify. It has no minimum length, because accounts from the Node.js service may
/// have shorter ones.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct Password(SecretString);

/// The result of verifying a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// The password does not match the hash.
    Wrong,
    /// The password matches the hash.
    Correct,
    /// The password matches, but the hash has outdated parameters and should be replaced.
    CorrectButOutdated,
}

/// The password could not be hashed.
#[derive(Debug, ThisError)]
#[error("the password could not be hashed: {0}")]
pub struct HashError(argon2::password_hash::Error);

impl NewPassword {
    /// Whether `hash` is a hash of this password.
    #[must_use]
    pub fn is_hashed_as(&self, hash: &str) -> bool {
        Password(self.0.clone()).verify(hash) != Verification::Wrong
    }

    /// The hash to store, as a PHC string. Fails only if the operating system provides no
    /// randomness.
    pub fn hash(&self) -> Result<String, HashError> {
        hash(self.0.expose_secret())
    }

    /// Whether the password is `number`, the number of its own account, or a part of it.
    #[must_use]
    pub fn is_part_of(&self, number: &MobileNumber) -> bool {
        let digits: String = self.0.expose_secret().chars().filter(|c| !c.is_whitespace()).collect();
        let digits = digits.trim_start_matches(['+', '0']);
        !digits.is_empty() && number.as_str().contains(digits)
    }
}

impl Password {
    /// Verifies the password against `hash`: a PHC string of argon2, or a bcrypt hash from the
    /// Node.js service. An unreadable hash matches nothing and takes as long as a readable one.
    #[must_use]
    pub fn verify(&self, hash: &str) -> Verification {
        let password = self.0.expose_secret();
        if hash.starts_with("$2") {
            // The Node.js service hashed the password without normalising it, and bcrypt reads 72
            // bytes.
            return match bcrypt::verify(password, hash) {
                Ok(true) => Verification::CorrectButOutdated,
                Ok(false) | Err(_) => Verification::Wrong,
            };
        }
        let parsed = PasswordHash::new(hash).or_else(|_| PasswordHash::new(DUMMY_HASH));
        let matches =
            parsed.is_ok_and(|hash| hasher().verify_password(normalise(password).as_bytes(), &hash).is_ok());
        match matches {
            false => Verification::Wrong,
            true if hash.starts_with(CURRENT_PREFIX) => Verification::Correct,
            true => Verification::CorrectButOutdated,
        }
    }

    /// A current hash of a verified password, to replace an outdated one. Fails only if the
    /// operating system provides no randomness.
    pub fn rehash(&self) -> Result<String, HashError> {
        hash(self.0.expose_secret())
    }
}

fn hash(password: &str) -> Result<String, HashError> {
    Ok(hasher().hash_password(normalise(password).as_bytes()).map_err(HashError)?.to_string())
}

/// The password in normalisation form C.
fn normalise(password: &str) -> Cow<'_, str> {
    match is_nfc_quick(password.chars()) {
        IsNormalized::Yes => Cow::Borrowed(password),
        IsNormalized::No | IsNormalized::Maybe => Cow::Owned(password.nfc().collect()),
    }
}

/// The start of every hash with the current parameters.
const CURRENT_PREFIX: &str = "$argon2id$v=19$m=19456,t=2,p=1$";

/// A hash that no password matches and that costs as much as a real one. It is verified when there
/// is no account, so that the response time does not reveal whether the account exists.
pub const DUMMY_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// OWASP's first recommendation for argon2id: 19 MiB, 2 passes, 1 lane.
fn hasher() -> Hasher {
    Hasher::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT)
}

macro_rules! secret_text {
    ($name:ident) => {
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
    };
}

secret_text!(NewPassword);
secret_text!(Password);

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::Argon2;

    #[test]
    fn password_matches_only_its_own_hash() {
        let hash = NewPassword::from("correct horse").hash().unwrap();
        assert!(hash.starts_with(CURRENT_PREFIX), "{hash}");
        assert_eq!(Password::from("correct horse").verify(&hash), Verification::Correct);
        for wrong in ["correct hors", "Correct horse", " correct horse", "correct horse ", ""] {
            assert_eq!(Password::from(wrong).verify(&hash), Verification::Wrong, "{wrong:?}");
        }
        assert_eq!(Password::from("correct horse").verify("not a hash"), Verification::Wrong);
    }

    #[test]
    fn passwords_are_compared_in_normalisation_form_c() {
        let hash = NewPassword::from("Zo\u{eb} und F\u{e4}hre").hash().unwrap();
        assert_eq!(Password::from("Zoe\u{308} und Fa\u{308}hre").verify(&hash), Verification::Correct);
        assert_eq!(Password::from("Zoe und Fahre").verify(&hash), Verification::Wrong);
    }

    #[test]
    fn long_passwords_are_not_truncated() {
        let long = "ä".repeat(127);
        let hash = NewPassword::from(format!("{long}x").as_str()).hash().unwrap();
        assert_eq!(Password::from(format!("{long}x").as_str()).verify(&hash), Verification::Correct);
        assert_eq!(Password::from(format!("{long}y").as_str()).verify(&hash), Verification::Wrong);
    }

    #[test]
    fn bcrypt_and_weak_hashes_match_as_outdated() {
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).unwrap());
        let weak = weak.hash_password(b"correct horse").unwrap().to_string();
        let bcrypt = bcrypt::hash("correct horse", 4).unwrap();
        for hash in [weak, bcrypt.replacen("$2b$", "$2a$", 1), bcrypt] {
            assert_eq!(
                Password::from("correct horse").verify(&hash),
                Verification::CorrectButOutdated,
                "{hash}"
            );
            assert_eq!(Password::from("wrong horse").verify(&hash), Verification::Wrong, "{hash}");
        }
        let long = "x".repeat(100);
        let bcrypt = bcrypt::hash(&long[..72], 4).unwrap();
        assert_eq!(Password::from(long.as_str()).verify(&bcrypt), Verification::CorrectButOutdated);
        let rehashed = Password::from(long.as_str()).rehash().unwrap();
        assert_eq!(Password::from(&long[..72]).verify(&rehashed), Verification::Wrong);
        for broken in ["$2b$", "$2b$99$x", "$2b$04$aaaaaaaaaaaaaaaaaaaaaa"] {
            assert_eq!(Password::from("x").verify(broken), Verification::Wrong, "{broken}");
        }
    }

    #[test]
    fn reused_memory_serves_hashes_of_every_size_on_all_threads() {
        let of_size = |memory, password: &[u8]| {
            let params = Params::new(memory, 1, 1, None).unwrap();
            Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
                .hash_password(password)
                .unwrap()
                .to_string()
        };
        let results = std::thread::scope(|scope| {
            let threads: Vec<_> = [8, 256, 32, 8, 512, 64]
                .map(|memory| {
                    scope.spawn(move || {
                        let password = format!("the password of {memory}");
                        let hash = of_size(memory, password.as_bytes());
                        let correct = Password::from(password.as_str()).verify(&hash);
                        (correct, Password::from("another").verify(&hash))
                    })
                })
                .into();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(results, [(Verification::CorrectButOutdated, Verification::Wrong); 6]);
    }

    #[test]
    fn dummy_hash_is_readable_and_matches_nothing() {
        assert!(PasswordHash::new(DUMMY_HASH).is_ok());
        assert_eq!(Password::from("").verify(DUMMY_HASH), Verification::Wrong);
    }

    #[test]
    fn parts_of_the_own_number_are_recognised() {
        let number = MobileNumber::from("+4915112345678");
        for password in ["4915112345678", "+4915112345678", "015112345678", "12345678", "0151 1234 5678"] {
            assert!(NewPassword::from(password).is_part_of(&number), "{password}");
        }
        for password in ["4915112345679", "my 4915112345678", "        "] {
            assert!(!NewPassword::from(password).is_part_of(&number), "{password}");
        }
    }
}
