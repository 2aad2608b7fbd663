//! One-time codes: six digits, valid for five minutes and five attempts from a network, single use.

use std::fmt;

use crate::keyed_hash::keyed_hash;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use garde::{Error, Path, Report, Validate};
use rand::{CryptoRng, RngExt};
use rlibphonenumber::PHONE_NUMBER_UTIL;
use serde::Deserialize;

use crate::MobileNumber;

/// How long a code is valid, in seconds.
pub const LIFETIME_SECONDS: u32 = 300;
/// How long a client must wait before it requests another code, in seconds.
pub const RESEND_SECONDS: u32 = 60;
/// How many attempts at a code are compared from one network. A stranger's attempts leave the owner's.
pub const MAX_ATTEMPTS: u32 = 5;
/// How many attempts at a code are compared from all networks together.
pub const MAX_TOTAL_ATTEMPTS: u32 = 50;
/// How many of them are reserved for the network that requested the code and for networks from which
/// the number's account has signed in.
pub const RESERVED_ATTEMPTS: u32 = 2 * MAX_ATTEMPTS;
/// How many wrong attempts at the codes of one number and purpose are compared in a day from networks
/// that neither requested the code nor are known for the account. NIST SP 800-63B allows a hundred.
pub const MAX_STRANGERS_ATTEMPTS: u32 = 100;
/// How many of them are compared in a day at the codes of all numbers together.
pub const MAX_STRANGERS_ATTEMPTS_IN_TOTAL: u32 = 5_000;

/// The purpose of a code. A code for one purpose is invalid for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Creating an account.
    SignUp,
    /// Setting a new password without the old one.
    ResetPassword,
}

impl Purpose {
    /// The name in Redis keys and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignUp => "signup",
            Self::ResetPassword => "reset_password",
        }
    }
}

/// The longest accepted spelling of a code, in characters.
const MAX_CHARACTERS: usize = 40;

/// A code as ASCII digits, or the text that is no code. `Debug` does not show it.
///
/// Digits of every script are read, since keyboards and messages have those of the user's language.
/// Spaces, dashes and invisible characters between them are ignored.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct Otp(String);

impl Otp {
    /// A random code, uniform from `000000` to `999999`.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(format!("{:06}", rng.random_range(0..1_000_000_u32)))
    }

    /// The six digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// HMAC-SHA-256 over purpose, number and code, in base64url. It is stored in place of the code.
    /// An attacker without the key cannot find the code by hashing all million candidates.
    #[must_use]
    pub fn keyed_hash(&self, key: &[u8], purpose: Purpose, number: &MobileNumber) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(keyed_hash(key, &[purpose.as_str(), number.as_str(), &self.0]))
    }
}

impl From<String> for Otp {
    fn from(text: String) -> Self {
        let digits = PHONE_NUMBER_UTIL.normalize_digits_only(&text);
        // Whatever else is in the text must be punctuation, space or invisible.
        let others = text.chars().filter(|c| c.is_alphanumeric()).count();
        let is_code = others == digits.len() && text.chars().count() <= MAX_CHARACTERS && !digits.is_empty();
        Self(if is_code { digits } else { text })
    }
}

impl From<&str> for Otp {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl fmt::Debug for Otp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Otp(..)")
    }
}

impl Validate for Otp {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        if self.0.is_empty() {
            report.append(parent(), Error::new("is required"));
        } else if self.0.len() != 6 || !self.0.bytes().all(|byte| byte.is_ascii_digit()) {
            report.append(parent(), Error::new("must be the six digits of the code"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    #[test]
    fn generated_code_is_valid_and_hidden_in_debug() {
        let code = Otp::generate(&mut StdRng::seed_from_u64(1));
        assert!(code.validate().is_ok());
        assert!(!format!("{code:?}").contains(code.as_str()));
    }

    #[test]
    fn hash_depends_on_key_purpose_number_and_code() {
        let (code, number) = (Otp::from("123456"), MobileNumber::from("+4915112345678"));
        let hash = code.keyed_hash(b"key", Purpose::SignUp, &number);
        assert_eq!(hash.len(), 43);
        assert_eq!(hash, code.keyed_hash(b"key", Purpose::SignUp, &number));
        assert_ne!(hash, code.keyed_hash(b"other", Purpose::SignUp, &number));
        assert_ne!(hash, code.keyed_hash(b"key", Purpose::ResetPassword, &number));
        assert_ne!(hash, code.keyed_hash(b"key", Purpose::SignUp, &MobileNumber::from("+4915112345679")));
        assert_ne!(hash, Otp::from("123457").keyed_hash(b"key", Purpose::SignUp, &number));
    }

    #[test]
    fn codes_are_read_in_all_spellings() {
        for text in [
            "123456",
            " 123 456\n",
            "123-456",
            "123\u{2013}456",
            "1.2.3.4.5.6",
            "１２３４５６",
            "١٢٣٤٥٦",
            "۱۲۳۴۵۶",
            "१२३४५६",
            "\u{202a}123\u{a0}456\u{202c}",
            "123\u{200b}456",
            "\u{feff}123456",
        ] {
            let code = Otp::from(text);
            assert_eq!(code.as_str(), "123456", "{text:?}");
            assert!(code.validate().is_ok());
        }
    }

    #[test]
    fn texts_that_are_no_code_are_refused() {
        for text in
            ["", " ", "12345", "1234567", "12345a", "a123456", "½123456", "-", &"1 2 3 4 5 6".repeat(9)]
        {
            assert!(Otp::from(text).validate().is_err(), "{text}");
        }
    }
}
