//! Deliveries that are not Stripe's, or not any more: each must be refused.

use serde::Deserialize;

use super::now;
use super::webhooks::{mac, sign};

/// What is wrong with a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forgery {
    /// There is no signature.
    Unsigned,
    /// The header is empty.
    Empty,
    /// The header is something else.
    Nonsense,
    /// It is signed with another secret.
    OtherSecret,
    /// It is signed with no secret, which is what a service without one would verify.
    NoSecret,
    /// The signature is of another body.
    OtherBody,
    /// The signature is cut short.
    CutShort,
    /// The signature is under the scheme that does not count.
    OtherScheme,
    /// The signature is good and there is no time.
    Timeless,
    /// The time is another than the one that was signed.
    OtherTime,
    /// It was signed six minutes ago.
    Stale,
    /// It was signed six minutes from now.
    Future,
    /// The body is the same JSON in another spelling.
    Reserialised,
}

impl Forgery {
    /// The header and the body for `payload`, which `secret` would be right for.
    #[must_use]
    pub fn of(self, payload: &str, secret: &str) -> (Option<String>, String) {
        let now = now().timestamp();
        let good = mac(payload, secret, now);
        let header = match self {
            Self::Unsigned => return (None, payload.to_owned()),
            Self::Empty => String::new(),
            Self::Nonsense => "Bearer let me in".to_owned(),
            Self::OtherSecret => sign(payload, "whsec_of_somebody_else_entirely", now),
            Self::NoSecret => sign(payload, "", now),
            Self::OtherBody => sign(&payload.replace("evt_", "evt_x"), secret, now),
            Self::CutShort => format!("t={now},v1={}", &good[..62]),
            Self::OtherScheme => format!("t={now},v0={good}"),
            Self::Timeless => format!("v1={good}"),
            Self::OtherTime => format!("t={},v1={good}", now - 1),
            Self::Stale => sign(payload, secret, now - 360),
            Self::Future => sign(payload, secret, now + 360),
            Self::Reserialised => {
                let same: serde_json::Value = serde_json::from_str(payload).unwrap_or_default();
                return (Some(sign(payload, secret, now)), same.to_string());
            }
        };
        (Some(header), payload.to_owned())
    }
}
