//! Verifies that Stripe sent a webhook, by the header `Stripe-Signature`.
//!
//! Source: <https://docs.stripe.com/webhooks#verify-manually>. The header is
//! `t=<seconds>,v1=<hex>,v1=<hex>,...`. Each `v1` is the HMAC-SHA256 of `<seconds>.<body>`; while a
//! secret is rotated there is one for each valid secret. Other schemes (`v0`) are ignored.

use std::time::Duration;

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;

/// The greatest difference between the signature's time and the current time, in either direction.
pub const TOLERANCE: Duration = Duration::from_mins(5);

/// The shortest secret that is accepted; Stripe's have 38 characters.
pub const MIN_SECRET: usize = 16;

/// Why a signature is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// The header is malformed.
    #[error("Stripe-Signature: must be t=<seconds>,v1=<signature>")]
    Malformed,
    /// The signature's time is too far in the past or in the future.
    #[error("Stripe-Signature: the time must be within five minutes of now")]
    Stale,
    /// No signature matches the body and any of the secrets.
    #[error("Stripe-Signature: does not match the body")]
    Mismatch,
}

/// The most signatures of one header that are compared: Stripe sends one for each valid secret.
const MAX_SIGNATURES: usize = 8;

/// Verifies that one of `secrets` signed `body` at about `now`. The body is hashed once for each
/// secret, however many signatures there are.
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
        // Anyone can forge the signature of an empty or guessable key.
        secret.len() >= MIN_SECRET && {
            let mac = mac(secret, time, body);
            signatures.iter().any(|signature| mac.clone().verify_slice(signature).is_ok())
        }
    };
    if secrets.iter().any(|secret| signed(secret.as_ref())) { Ok(()) } else { Err(SignatureError::Mismatch) }
}

/// The header that Stripe would send with `body` at `now`.
#[must_use]
pub fn sign(body: &[u8], secret: &[u8], now: DateTime<Utc>) -> String {
    let time = now.timestamp().to_string();
    format!("t={time},v1={}", hex::encode(mac(secret, &time, body).finalize().into_bytes()))
}

/// The time as it was sent and the `v1` signatures: exactly one time and at least one signature.
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
    fn any_signature_by_any_secret_is_accepted() {
        let header = sign(BODY, SECRET.as_bytes(), now());
        assert_eq!(check(&header), Ok(()));
        let other =
            format!("{},v1={}", sign(BODY, b"another one of them", now()), &header[header.len() - 64..]);
        assert_eq!(check(&other), Ok(()));
        assert_eq!(verify(&header, BODY, &["whsec_the_new_secret", SECRET], now()), Ok(()));
        assert_eq!(check(&format!("v0=00,{header},unknown=1")), Ok(()));
    }

    #[test]
    fn signature_matches_openssl() {
        // Made with `openssl dgst -sha256 -hmac whsec_of_the_tests` of `1800000000.{"id":
        // "evt_1"}`.
        assert_eq!(
            sign(BODY, SECRET.as_bytes(), now()),
            "t=1800000000,v1=b1d89377e0909f6e4bcf194b34952fc5c160e6bfa38de2fb2c4c26bf4f6d58fe"
        );
    }

    #[test]
    fn time_is_checked_in_both_directions_and_is_signed() {
        let made = |shift: i64| sign(BODY, SECRET.as_bytes(), now() + chrono::TimeDelta::seconds(shift));
        assert_eq!(check(&made(-300)), Ok(()));
        assert_eq!(check(&made(300)), Ok(()));
        assert_eq!(check(&made(-301)), Err(SignatureError::Stale));
        assert_eq!(check(&made(301)), Err(SignatureError::Stale));
        let header = made(-1).replace("t=1799999999", "t=1800000000");
        assert_eq!(check(&header), Err(SignatureError::Mismatch));
    }

    #[test]
    fn malformed_headers_and_wrong_signatures_are_rejected() {
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
    fn at_most_eight_signatures_are_compared() {
        let header = sign(BODY, SECRET.as_bytes(), now());
        let (time, good) = header.split_once(',').unwrap();
        let wrong = format!("v1={},", "0".repeat(64));
        assert_eq!(check(&format!("{time},{}{good}", wrong.repeat(7))), Ok(()));
        assert_eq!(check(&format!("{time},{}{good}", wrong.repeat(8))), Err(SignatureError::Mismatch));
    }

    #[test]
    fn short_secret_verifies_nothing() {
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
