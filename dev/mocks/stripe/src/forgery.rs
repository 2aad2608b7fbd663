//! Webhook deliveries with an invalid signature, each of which an endpoint must refuse.

use serde::Deserialize;
use serde_json::Value;

use super::now;
use super::webhooks::{mac, sign};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forgery {
    Unsigned,
    Empty,
    Nonsense,
    OtherSecret,
    /// The empty secret signs it, which an endpoint without a configured secret would accept.
    NoSecret,
    OtherBody,
    CutShort,
    /// The signature has the scheme `v0`, which an endpoint must ignore.
    OtherScheme,
    Timeless,
    OtherTime,
    Stale,
    Future,
    /// The body is the signed JSON with other whitespace.
    Reserialised,
}

impl Forgery {
    /// The forged header and body of a delivery of `payload`, for which `secret` would be valid.
    pub fn of(self, payload: &str, secret: &str) -> (Option<String>, String) {
        let now = now().timestamp();
        let valid = mac(payload, secret, now);
        let header = match self {
            Self::Unsigned => return (None, payload.to_owned()),
            Self::Empty => String::new(),
            Self::Nonsense => "Bearer let me in".to_owned(),
            Self::OtherSecret => sign(payload, "whsec_of_another_account", now),
            Self::NoSecret => sign(payload, "", now),
            Self::OtherBody => sign(&payload.replace("evt_", "evt_x"), secret, now),
            Self::CutShort => format!("t={now},v1={}", &valid[..62]),
            Self::OtherScheme => format!("t={now},v0={valid}"),
            Self::Timeless => format!("v1={valid}"),
            Self::OtherTime => format!("t={},v1={valid}", now - 1),
            Self::Stale => sign(payload, secret, now - 360),
            Self::Future => sign(payload, secret, now + 360),
            Self::Reserialised => {
                let compact: Value = serde_json::from_str(payload).unwrap_or_default();
                return (Some(sign(payload, secret, now)), compact.to_string());
            }
        };
        (Some(header), payload.to_owned())
    }
}
