//! Access tokens: JSON Web Tokens (RFC 7519) signed with HS256.

use std::collections::HashSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{SessionId, UserId};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use thiserror::Error;

const ISSUER: &str = "chat-backend";
const AUDIENCE: &str = "chat-api";

/// What an access token says. Times are seconds since 1970.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Claims {
    /// The person.
    pub sub: UserId,
    /// The session; when it has ended, the token opens nothing.
    pub sid: SessionId,
    iss: String,
    aud: String,
    iat: i64,
    nbf: i64,
    exp: i64,
}

/// A token does not do.
#[derive(Debug, Error)]
pub enum TokenError {
    /// It was never ours, or was tampered with.
    #[error("the token is not valid")]
    Invalid(#[source] jsonwebtoken::errors::Error),
    /// Its time is over, or has not come.
    #[error("the token has expired")]
    Expired,
}

/// The key to access tokens.
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    lifetime: Duration,
}

impl Tokens {
    /// Tokens signed with `secret` that last `lifetime`.
    #[must_use]
    pub fn new(secret: &SecretString, lifetime: Duration) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.required_spec_claims =
            HashSet::from(["iss", "aud", "sub", "exp", "nbf"].map(ToOwned::to_owned));
        // Times are compared below, with the caller's clock and without leeway.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        let bytes = secret.expose_secret().as_bytes();
        let (encoding, decoding) = (EncodingKey::from_secret(bytes), DecodingKey::from_secret(bytes));
        Self { encoding, decoding, validation, lifetime }
    }

    /// How long a token lasts.
    #[must_use]
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// A token for `session` of `user`, from `now` on.
    ///
    /// # Errors
    /// When it cannot be encoded, which no claims of ours come to.
    pub fn issue(
        &self,
        user: UserId,
        session: SessionId,
        now: DateTime<Utc>,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let issued = now.timestamp();
        let claims = Claims {
            sub: user,
            sid: session,
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            iat: issued,
            nbf: issued,
            exp: issued.saturating_add_unsigned(self.lifetime.as_secs()),
        };
        encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)
    }

    /// What `token` says, if it is one of ours and `now` is in its time.
    ///
    /// # Errors
    /// [`TokenError`] otherwise.
    pub fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<Claims, TokenError> {
        let claims =
            decode::<Claims>(token, &self.decoding, &self.validation).map_err(TokenError::Invalid)?.claims;
        let now = now.timestamp();
        if now >= claims.exp || now < claims.nbf {
            return Err(TokenError::Expired);
        }
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn tokens() -> Tokens {
        Tokens::new(&SECRET.into(), Duration::from_mins(1))
    }

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000 + second, 0).unwrap()
    }

    fn ids() -> (UserId, SessionId) {
        (UserId::new(at(0)), SessionId::new(at(0)))
    }

    fn forged(algorithm: Algorithm, secret: &str, change: (&str, serde_json::Value)) -> String {
        let (user, session) = ids();
        let mut claims = json!({
            "sub": user, "sid": session, "iss": ISSUER, "aud": AUDIENCE,
            "iat": at(0).timestamp(), "nbf": at(0).timestamp(), "exp": at(60).timestamp(),
        });
        claims[change.0] = change.1;
        encode(&Header::new(algorithm), &claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
    }

    #[test]
    fn a_token_works_in_its_time_only() {
        let (user, session) = ids();
        let token = tokens().issue(user, session, at(0)).unwrap();
        let claims = tokens().verify(&token, at(59)).unwrap();
        assert_eq!((claims.sub, claims.sid), (user, session));
        assert!(matches!(tokens().verify(&token, at(60)), Err(TokenError::Expired)));
        assert!(matches!(tokens().verify(&token, at(-1)), Err(TokenError::Expired)));
    }

    #[test]
    fn what_is_not_ours_is_refused() {
        let same = ("iss", json!(ISSUER));
        assert!(tokens().verify(&forged(Algorithm::HS256, SECRET, same.clone()), at(1)).is_ok());
        let unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.";
        for token in [
            forged(Algorithm::HS256, "another secret of 32 characters!!", same.clone()),
            forged(Algorithm::HS384, SECRET, same),
            forged(Algorithm::HS256, SECRET, ("iss", json!("somebody else"))),
            forged(Algorithm::HS256, SECRET, ("aud", json!("another api"))),
            forged(Algorithm::HS256, SECRET, ("aud", json!(null))),
            forged(Algorithm::HS256, SECRET, ("sid", json!("not an id"))),
            unsigned.to_owned(),
            String::new(),
        ] {
            assert!(matches!(tokens().verify(&token, at(1)), Err(TokenError::Invalid(_))), "{token}");
        }
    }
}
