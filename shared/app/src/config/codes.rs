//! How one-time codes are sent, and how many.

use std::time::Duration;

use clients::redis::token_bucket::Limit;
use domain::MobileNumber;
use domain::otp::Otp;
use garde::Validate;

use super::{Environment, list};
use crate::env::Env;

/// How one-time codes reach a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtpDelivery {
    /// In the answer to the request: anyone can take over any number, so never in production.
    Response,
    /// By text message, through Amazon SNS.
    Sns,
}

/// A number that has the same code always, which is not sent: for those who review an app and have no telephone.
#[derive(Debug, Clone)]
pub struct TestNumber {
    /// The number.
    pub number: MobileNumber,
    /// Its code.
    pub code: Otp,
}

/// How one-time codes are sent, and how many: each costs money, and is five guesses.
#[derive(Debug, Clone)]
pub struct CodeSettings {
    /// How they reach a person.
    pub delivery: OtpDelivery,
    /// What text messages come from, where the country allows a name.
    pub sender_id: Option<String>,
    /// To one number, whatever they are for.
    pub per_number: Limit,
    /// From one client address.
    pub per_address: Limit,
    /// To one block of ten thousand numbers: who is paid for receiving them has many in a row.
    pub per_block: Limit,
    /// In all.
    pub total: Limit,
    /// The countries whose numbers are served (ISO 3166, two letters); none: all.
    pub countries: Vec<String>,
    /// Numbers with a code of their own.
    pub test_numbers: Vec<TestNumber>,
}

impl CodeSettings {
    pub(super) fn read(env: &mut Env<'_>, needed: bool, environment: Environment) -> Self {
        let (hour, day) = (Duration::from_hours(1), Duration::from_hours(24));
        Self {
            delivery: delivery(env, needed, environment),
            sender_id: env.get("OTP_SENDER_ID"),
            per_number: Limit { max: env.number("OTP_MAX_PER_DAY", 10, 1), window: day },
            per_address: Limit { max: env.number("OTP_MAX_PER_ADDRESS", 20, 1), window: hour },
            per_block: Limit { max: env.number("OTP_MAX_PER_BLOCK", 20, 1), window: hour },
            total: Limit { max: env.number("OTP_MAX_TOTAL_PER_DAY", 1_000, 1), window: day },
            countries: countries(env),
            test_numbers: test_numbers(env),
        }
    }
}

fn delivery(env: &mut Env<'_>, needed: bool, environment: Environment) -> OtpDelivery {
    let chosen = env.get("OTP_DELIVERY");
    match (chosen.as_deref(), environment) {
        (Some("sns"), _) => return OtpDelivery::Sns,
        _ if !needed => {}
        (None, Environment::Local) | (Some("response"), Environment::Local | Environment::Staging) => {}
        (None, _) => env.problem("OTP_DELIVERY", "is missing (sns; or, outside production, response)"),
        (Some("response"), Environment::Production) => env
            .problem("OTP_DELIVERY", "response would hand every code to whoever asks: refused in production"),
        (Some(_), _) => env.problem("OTP_DELIVERY", "must be sns or response"),
    }
    OtpDelivery::Response
}

fn countries(env: &mut Env<'_>) -> Vec<String> {
    let countries: Vec<String> =
        list(env, "OTP_COUNTRIES").iter().map(|country| country.to_ascii_uppercase()).collect();
    if countries.iter().any(|country| country.len() != 2 || !country.bytes().all(|b| b.is_ascii_uppercase()))
    {
        env.problem("OTP_COUNTRIES", "must be countries of two letters, like DE,AT,CH");
    }
    countries
}

fn test_numbers(env: &mut Env<'_>) -> Vec<TestNumber> {
    let read = |text: &String| {
        let (number, code) = text.split_once(':')?;
        let (number, code) = (MobileNumber::from(number), Otp::from(code));
        (number.validate().is_ok() && code.validate().is_ok()).then_some(TestNumber { number, code })
    };
    let numbers: Option<Vec<TestNumber>> = list(env, "OTP_TEST_NUMBERS").iter().map(read).collect();
    numbers.unwrap_or_else(|| {
        env.problem("OTP_TEST_NUMBERS", "must be numbers with a code each, like +12025550100:123456");
        Vec::new()
    })
}
