//! Passwords and their argon2id hashes.
//!
//! Hashing takes tens of milliseconds of a core and 19 MiB of memory: callers run it off the async threads.

mod hasher;

use std::borrow::Cow;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Params, Version};
use garde::{Error, Path, Report, Validate};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use thiserror::Error as ThisError;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use self::hasher::Hasher;
use crate::MobileNumber;
use crate::breached::is_breached;

/// The fewest characters of a new password.
const SHORTEST: usize = 8;
/// The most characters of any.
const LONGEST: usize = 128;

/// A new password of 8 to 128 characters, as a person typed it. Any Unicode is allowed, nothing is cut off, and what looks
/// the same is the same (RFC 8265: normalisation form C), whichever keyboard it was typed on. Those that everybody tries
/// first are refused.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct NewPassword(SecretString);

/// A password offered to be checked. It has no lower bound, for accounts brought over from elsewhere.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct Password(SecretString);

/// What came of checking a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is not the one.
    Wrong,
    /// It is the one.
    Right,
    /// It is the one, and its hash is not what would be made of it today.
    RightButOutdated,
}

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
        hash(self.0.expose_secret())
    }

    /// Whether it is the number of its own account, or a part of it.
    #[must_use]
    pub fn is_of(&self, number: &MobileNumber) -> bool {
        let digits: String = self.0.expose_secret().chars().filter(|c| !c.is_whitespace()).collect();
        let digits = digits.trim_start_matches(['+', '0']);
        !digits.is_empty() && number.as_str().contains(digits)
    }
}

impl Password {
    /// Whether this is the password behind `hash`: a PHC string of argon2, or a hash of bcrypt that was brought over. A hash
    /// that cannot be read matches nothing, which takes as long to find out.
    #[must_use]
    pub fn check(&self, hash: &str) -> Verdict {
        let password = self.0.expose_secret();
        if hash.starts_with("$2") {
            // As it was typed: that is what was hashed, and of it no more than 72 bytes.
            return match bcrypt::verify(password, hash) {
                Ok(true) => Verdict::RightButOutdated,
                Ok(false) | Err(_) => Verdict::Wrong,
            };
        }
        let known = PasswordHash::new(hash).or_else(|_| PasswordHash::new(NOBODYS_HASH));
        let matches =
            known.is_ok_and(|hash| hasher().verify_password(normalised(password).as_bytes(), &hash).is_ok());
        match matches {
            false => Verdict::Wrong,
            true if hash.starts_with(CURRENT) => Verdict::Right,
            true => Verdict::RightButOutdated,
        }
    }

    /// The hash to keep of a password that was found right, in place of one that is outdated.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn rehash(&self) -> Result<String, HashError> {
        hash(self.0.expose_secret())
    }
}

fn hash(password: &str) -> Result<String, HashError> {
    Ok(hasher().hash_password(normalised(password).as_bytes()).map_err(HashError)?.to_string())
}

/// The password in normalisation form C.
fn normalised(password: &str) -> Cow<'_, str> {
    match is_nfc_quick(password.chars()) {
        IsNormalized::Yes => Cow::Borrowed(password),
        IsNormalized::No | IsNormalized::Maybe => Cow::Owned(password.nfc().collect()),
    }
}

/// How each hash begins that is made today.
const CURRENT: &str = "$argon2id$v=19$m=19456,t=2,p=1$";

/// A hash that no password matches, with the cost of a real one: checked when there is no account, so that the time
/// taken does not tell.
pub const NOBODYS_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// OWASP's first recommendation for argon2id: 19 MiB, 2 passes, 1 lane.
fn hasher() -> Hasher {
    Hasher::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT)
}

/// What is wrong with the length of a password that has at least `shortest` characters.
fn length_fault(password: &str, shortest: usize) -> Option<String> {
    match normalised(password).chars().count() {
        0 => Some("is required".to_owned()),
        length if length < shortest || length > LONGEST => {
            Some(format!("must be {shortest} to {LONGEST} characters"))
        }
        _ => None,
    }
}

impl Validate for NewPassword {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        let password = self.0.expose_secret();
        let known = || {
            let why = "is one of those that are tried first, for it became known in a breach; choose another";
            is_breached(&normalised(password)).then(|| why.to_owned())
        };
        if let Some(fault) = length_fault(password, SHORTEST).or_else(known) {
            report.append(parent(), Error::new(fault));
        }
    }
}

impl Validate for Password {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        if let Some(fault) = length_fault(self.0.expose_secret(), 1) {
            report.append(parent(), Error::new(fault));
        }
    }
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
    fn a_password_matches_its_own_hash_only() {
        let hash = NewPassword::from("correct horse").hash().unwrap();
        assert!(hash.starts_with(CURRENT), "{hash}");
        assert_eq!(Password::from("correct horse").check(&hash), Verdict::Right);
        for wrong in ["correct hors", "Correct horse", " correct horse", "correct horse ", ""] {
            assert_eq!(Password::from(wrong).check(&hash), Verdict::Wrong, "{wrong:?}");
        }
        assert_eq!(Password::from("correct horse").check("not a hash"), Verdict::Wrong);
    }

    #[test]
    fn a_password_is_the_same_from_every_keyboard() {
        let hash = NewPassword::from("Zo\u{eb} und F\u{e4}hre").hash().unwrap();
        assert_eq!(Password::from("Zoe\u{308} und Fa\u{308}hre").check(&hash), Verdict::Right);
        assert_eq!(Password::from("Zoe und Fahre").check(&hash), Verdict::Wrong);
    }

    #[test]
    fn nothing_is_cut_off() {
        let long = "ä".repeat(127);
        let hash = NewPassword::from(format!("{long}x").as_str()).hash().unwrap();
        assert_eq!(Password::from(format!("{long}x").as_str()).check(&hash), Verdict::Right);
        assert_eq!(Password::from(format!("{long}y").as_str()).check(&hash), Verdict::Wrong);
    }

    #[test]
    fn hashes_of_other_kinds_are_right_and_outdated() {
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).unwrap());
        let weak = weak.hash_password(b"correct horse").unwrap().to_string();
        let bcrypt = bcrypt::hash("correct horse", 4).unwrap();
        for hash in [weak, bcrypt.replacen("$2b$", "$2a$", 1), bcrypt] {
            assert_eq!(Password::from("correct horse").check(&hash), Verdict::RightButOutdated, "{hash}");
            assert_eq!(Password::from("wrong horse").check(&hash), Verdict::Wrong, "{hash}");
        }
        let long = "x".repeat(100);
        let bcrypt = bcrypt::hash(&long[..72], 4).unwrap();
        assert_eq!(Password::from(long.as_str()).check(&bcrypt), Verdict::RightButOutdated);
        let rehashed = Password::from(long.as_str()).rehash().unwrap();
        assert_eq!(Password::from(&long[..72]).check(&rehashed), Verdict::Wrong);
        for broken in ["$2b$", "$2b$99$x", "$2b$04$aaaaaaaaaaaaaaaaaaaaaa"] {
            assert_eq!(Password::from("x").check(broken), Verdict::Wrong, "{broken}");
        }
    }

    #[test]
    fn one_memory_serves_hashes_of_every_size_and_all_threads() {
        let of_size = |memory, password: &[u8]| {
            let params = Params::new(memory, 1, 1, None).unwrap();
            Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
                .hash_password(password)
                .unwrap()
                .to_string()
        };
        let looks = std::thread::scope(|scope| {
            let threads: Vec<_> = [8, 256, 32, 8, 512, 64]
                .map(|memory| {
                    scope.spawn(move || {
                        let password = format!("the password of {memory}");
                        let hash = of_size(memory, password.as_bytes());
                        let right = Password::from(password.as_str()).check(&hash);
                        (right, Password::from("another").check(&hash))
                    })
                })
                .into();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(looks, [(Verdict::RightButOutdated, Verdict::Wrong); 6]);
    }

    #[test]
    fn the_hash_of_nobody_can_be_read_and_matches_nothing() {
        assert!(PasswordHash::new(NOBODYS_HASH).is_ok());
        assert_eq!(Password::from("").check(NOBODYS_HASH), Verdict::Wrong);
    }

    #[test]
    fn a_new_password_has_8_to_128_characters_and_is_not_a_common_one() {
        for (text, fault) in [
            ("", Some("is required")),
            ("7 chars", Some("8 to 128")),
            ("8 chars!", None),
            ("pässwörd", None),
            (&"ä\u{308}o\u{308}".repeat(32), None),
            (&"x y".repeat(43), Some("8 to 128")),
            ("iloveyou", Some("breach")),
            ("Pa\u{73}sword", Some("breach")),
        ] {
            let report = NewPassword::from(text).validate();
            let said = report.as_ref().err().map(ToString::to_string);
            assert_eq!(said.is_some(), fault.is_some(), "{text}: {said:?}");
            assert!(said.is_none_or(|said| said.contains(fault.unwrap_or_default())), "{text}");
        }
        assert!(!format!("{:?}", NewPassword::from("hunter22")).contains("hunter22"));
    }

    #[test]
    fn a_number_is_no_password_for_itself() {
        let number = MobileNumber::from("+4915112345678");
        for password in ["4915112345678", "+4915112345678", "015112345678", "12345678", "0151 1234 5678"] {
            assert!(NewPassword::from(password).is_of(&number), "{password}");
        }
        for password in ["4915112345679", "my 4915112345678", "        "] {
            assert!(!NewPassword::from(password).is_of(&number), "{password}");
        }
    }
}
