//! The account of one smoke test.

use std::fmt;
use std::ops::RangeInclusive;

use app::{Config, rng};
use domain::MobileNumber;
use domain::otp::{Otp, Purpose};
use rand::RngExt as _;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

/// The name of every such account.
pub(super) const NAME: &str = "Smoke test";

/// An account that one run creates. `Debug` shows neither the password nor the code.
pub(super) struct Account {
    pub(super) number: MobileNumber,
    password: String,
    code: Otp,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("number", &self.number.as_str()).finish_non_exhaustive()
    }
}

impl Account {
    /// A random number, password and code.
    pub(super) fn random(config: &Config) -> Self {
        let is_free =
            |number: &MobileNumber| config.codes.test_numbers.iter().all(|test| test.number != *number);
        let mut numbers = std::iter::repeat_with(random_number).filter(is_free);
        let number = numbers.next().unwrap_or_else(random_number);
        Self { number, password: random_hex(), code: Otp::generate(&mut rng()) }
    }

    /// The keyed hash under which the code is stored.
    pub(super) fn code_hash(&self, config: &Config) -> String {
        self.code.keyed_hash(config.jwt_secret.expose_secret().as_bytes(), Purpose::SignUp, &self.number)
    }

    /// The body of the sign-up.
    pub(super) fn sign_up(&self) -> Value {
        json!({ "mobile_number": self.number.as_str(), "otp": self.code.as_str(), "name": NAME,
            "password": self.password })
    }

    /// The body of the deletion.
    pub(super) fn deletion(&self) -> Value {
        json!({ "password": self.password })
    }
}

/// The areas of North America whose numbers from 555-0100 to 555-0199 are used. They are reserved for
/// fiction, so no person has one (ATIS-0300115).
const AREAS: RangeInclusive<u32> = 201..=250;
const LINES: RangeInclusive<u32> = 0..=99;

/// All numbers that an account can have: few enough to be looked up in the index of numbers.
pub(super) fn all_numbers() -> Vec<String> {
    AREAS.flat_map(|area| LINES.map(move |line| number(area, line))).collect()
}

fn random_number() -> MobileNumber {
    number(rng().random_range(AREAS), rng().random_range(LINES)).into()
}

fn number(area: u32, line: u32) -> String {
    format!("+1{area}55501{line:02}")
}

/// 32 random hexadecimal digits, for a password or an idempotency key.
pub(super) fn random_hex() -> String {
    hex::encode(rng().random::<[u8; 16]>())
}
