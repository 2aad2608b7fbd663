//! Whether a webhook is Stripe's: the header `Stripe-Signature`.
//!
//! Source: <https://docs.stripe.com/webhooks#verify-manually>. The header is `t=<seconds>,v1=<hex>,v1=<hex>,...`; each `v1`
//! is the HMAC-SHA256 of `<seconds>.<body>`, one for each secret that is in force while one replaces another. Other schemes
//! (`v0`) count for nothing.

use std::time::Duration;

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;

/// How far the signature's time may be from ours, in either direction.
pub const TOLERANCE: Duration = Duration::from_mins(5);

/// The shortest secret that verifies anything; Stripe's have 38 characters.
pub const MIN_SECRET: usize = 16;

/// Why a webhook is not taken for Stripe's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// The header is not one.
    #[error("Stripe-Signature: must be t=<seconds>,v1=<signature>")]
    Malformed,
    /// It was signed too long ago, or in the future.
    #[error("Stripe-Signature: was made more than five minutes ago, or is of the future")]
    Stale,
    /// None of the signatures is by any of the secrets.
    #[error("Stripe-Signature: is not that of this body")]
    Mismatch,
}

/// The most signatures of one header that are looked at: Stripe sends one for each secret in force.
const MAX_SIGNATURES: usize = 8;

/// Verifies that one of `secrets` has signed `body` at about `now`. The body is read once for each secret, however many
/// signatures there are.
///
/// # Errors
/// A [`SignatureError`] when none has.
pub fn verify(
    header: &str,
    body: &[u8],
    secrets: &[impl AsRef<[u8]>],
    now: DateTime<Utc>,
) -> Result<(), SignatureError> {
    let (time, signatures) = parse(header).ok_or(SignatureError::Malformed)?;
    let made: i64 = time.parse().map_err(|_| SignatureError::Malformed)?;
    if now.timestamp().abs_diff(made) > TOLERANCE.as_secs() {
        return Err(SignatureError::Stale);
    }
    let signed = |secret: &[u8]| {
        // Anybody knows what a key of nothing signs.
        secret.len() >= MIN_SECRET && {
            let mac = mac(secret, time, body);
            signatures.iter().any(|signature| mac.clone().verify_slice(signature).is_ok())
        }
    };
    if secrets.iter().any(|secret| signed(secret.as_ref())) { Ok(()) } else { Err(SignatureError::Mismatch) }
}

/// The header for `body`, as Stripe would make it at `now`.
#[must_use]
pub fn sign(body: &[u8], secret: &[u8], now: DateTime<Utc>) -> String {
    let time = now.timestamp().to_string();
    format!("t={time},v1={}", hex::encode(mac(secret, &time, body).finalize().into_bytes()))
}

/// The time as it was sent, and all signatures of the one scheme that counts. One time, at least one signature.
fn parse(header: &str) -> Option<(&str, Vec<Vec<u8>>)> {
    let (mut time, mut signatures) = (None, Vec::new());
    for part in header.split(',') {
        match part.trim().split_once('=')? {
            ("t", value) if time.is_none() => time = Some(value),
            ("t", _) => return None,
            ("v1", value) if signatures.len() < MAX_SIGNATURES => signatures.extend(hex::decode(value)),
            _ => {}
        }
    }
    let time = time.filter(|time| !time.is_empty() && time.bytes().all(|byte| byte.is_ascii_digit()))?;
    (!signatures.is_empty()).then_some((time, signatures))
}

#[expect(clippy::expect_used, reason = "an HMAC takes keys of any length")]
fn mac(secret: &[u8], time: &str, body: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("an HMAC takes keys of any length");
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_of_the_tests";
    const BODY: &[u8] = br#"{"id": "evt_1"}"#;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn check(header: &str) -> Result<(), SignatureError> {
        verify(header, BODY, &[SECRET], now())
    }

    #[test]
    fn what_was_signed_is_verified_with_any_of_the_signatures_and_any_of_the_secrets() {
        let header = sign(BODY, SECRET.as_bytes(), now());
        assert_eq!(check(&header), Ok(()));
        let other =
            format!("{},v1={}", sign(BODY, b"another one of them", now()), &header[header.len() - 64..]);
        assert_eq!(check(&other), Ok(()));
        assert_eq!(verify(&header, BODY, &["whsec_the_new_secret", SECRET], now()), Ok(()));
        assert_eq!(check(&format!("v0=00,{header},unknown=1")), Ok(()));
    }

    #[test]
    fn a_known_answer() {
        // Made with `openssl dgst -sha256 -hmac whsec_of_the_tests` of `1800000000.{"id": "evt_1"}`.
        assert_eq!(
            sign(BODY, SECRET.as_bytes(), now()),
            "t=1800000000,v1=b1d89377e0909f6e4bcf194b34952fc5c160e6bfa38de2fb2c4c26bf4f6d58fe"
        );
    }

    #[test]
    fn the_time_counts_both_ways_and_is_part_of_what_is_signed() {
        let made = |shift: i64| sign(BODY, SECRET.as_bytes(), now() + chrono::TimeDelta::seconds(shift));
        assert_eq!(check(&made(-300)), Ok(()));
        assert_eq!(check(&made(300)), Ok(()));
        assert_eq!(check(&made(-301)), Err(SignatureError::Stale));
        assert_eq!(check(&made(301)), Err(SignatureError::Stale));
        let header = made(-1).replace("t=1799999999", "t=1800000000");
        assert_eq!(check(&header), Err(SignatureError::Mismatch));
    }

    #[test]
    fn what_is_no_header_or_signs_something_else_is_refused() {
        let header = sign(BODY, SECRET.as_bytes(), now());
        let signature = &header[header.len() - 64..];
        let malformed = [
            String::new(),
            "nonsense".to_owned(),
            "t=1800000000".to_owned(),
            format!("v1={signature}"),
            format!("t=,v1={signature}"),
            format!("t=x,v1={signature}"),
            format!("t=-1,v1={signature}"),
            "t=1800000000,v1=xyz".to_owned(),
            format!("t=1800000000,v0={signature}"),
            format!("t=1800000000,t=1800000000,v1={signature}"),
        ];
        for header in malformed {
            assert_eq!(check(&header), Err(SignatureError::Malformed), "{header}");
        }
        let mismatched = [
            "t=1800000000,v1=".to_owned(),
            format!("t=1800000000,v1={}", &signature[..62]),
            format!("t=1800000000,v1={}", "0".repeat(64)),
            sign(b"{\"id\":\"evt_1\"}", SECRET.as_bytes(), now()),
            sign(BODY, b"another one of them", now()),
        ];
        for header in mismatched {
            assert_eq!(check(&header), Err(SignatureError::Mismatch), "{header}");
        }
    }

    #[test]
    fn only_so_many_signatures_are_looked_at() {
        let header = sign(BODY, SECRET.as_bytes(), now());
        let (time, good) = header.split_once(',').unwrap();
        let wrong = format!("v1={},", "0".repeat(64));
        assert_eq!(check(&format!("{time},{}{good}", wrong.repeat(7))), Ok(()));
        assert_eq!(check(&format!("{time},{}{good}", wrong.repeat(8))), Err(SignatureError::Mismatch));
    }

    #[test]
    fn a_secret_that_anybody_can_guess_verifies_nothing() {
        for secret in ["", " ", "short"] {
            let header = sign(BODY, secret.as_bytes(), now());
            assert_eq!(verify(&header, BODY, &[secret], now()), Err(SignatureError::Mismatch));
        }
        assert_eq!(
            verify(&sign(BODY, b"", now()), BODY, &[] as &[&str], now()),
            Err(SignatureError::Mismatch)
        );
    }
}
