//! Access tokens: JSON Web Tokens (RFC 7519) signed with HS256.

mod hs256;

use std::collections::HashSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::fingerprint::fingerprint;
use domain::{SessionId, UserId};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Config;

const ISSUER: &str = "chat-backend";
const AUDIENCE: &str = "chat-api";

/// The claims of an access token. Times are seconds since 1970.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Claims {
    /// The user.
    pub sub: UserId,
    /// The session. When it ends, the token is no longer accepted.
    pub sid: SessionId,
    iss: String,
    aud: String,
    iat: i64,
    nbf: i64,
    exp: i64,
}

/// Why a token is rejected.
#[derive(Debug, Error)]
pub enum TokenError {
    /// It is malformed, or its signature or a claim is wrong.
    #[error("the token is not valid")]
    Invalid(#[source] jsonwebtoken::errors::Error),
    /// It has expired, or is not valid yet.
    #[error("the token has expired")]
    Expired,
}

/// Signs and verifies access tokens. While one secret replaces another, tokens signed with the
/// previous one stay valid.
pub struct Tokens {
    header: Header,
    encoding: EncodingKey,
    /// The keys by their id (`kid`), which the header of each token names.
    decoding: Vec<(String, DecodingKey)>,
    validation: Validation,
    lifetime: Duration,
}

impl Tokens {
    /// Builds the keys from the secrets in `config`.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        Self::new(&config.jwt_secret, config.jwt_previous_secret.as_ref(), config.jwt_lifetime)
    }

    fn new(secret: &SecretString, previous: Option<&SecretString>, lifetime: Duration) -> Self {
        hs256::install();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.required_spec_claims =
            HashSet::from(["iss", "aud", "sub", "exp", "nbf"].map(ToOwned::to_owned));
        // `verify` compares times itself, with the caller's clock and without leeway.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        let decoding = std::iter::once(secret)
            .chain(previous)
            .map(|secret| (key_id(secret), DecodingKey::from_secret(secret.expose_secret().as_bytes())));
        Self {
            header: Header { kid: Some(key_id(secret)), ..Header::new(Algorithm::HS256) },
            encoding: EncodingKey::from_secret(secret.expose_secret().as_bytes()),
            decoding: decoding.collect(),
            validation,
            lifetime,
        }
    }

    /// The lifetime of a token.
    #[must_use]
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Issues a token for `session` of `user`, valid from `now`.
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
        encode(&self.header, &claims, &self.encoding)
    }

    /// Verifies `token` and returns its claims.
    pub fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<Claims, TokenError> {
        let key_id = decode_header(token).map_err(TokenError::Invalid)?.kid;
        let key = self.decoding.iter().find(|(id, _)| key_id.as_ref() == Some(id));
        let (_, key) = key.ok_or_else(|| TokenError::Invalid(ErrorKind::InvalidSignature.into()))?;
        let claims = decode::<Claims>(token, key, &self.validation).map_err(TokenError::Invalid)?.claims;
        let now = now.timestamp();
        if now >= claims.exp || now < claims.nbf {
            return Err(TokenError::Expired);
        }
        Ok(claims)
    }
}

/// The id of a secret in the header of its tokens. It reveals no more about the secret than a token
/// does.
fn key_id(secret: &SecretString) -> String {
    let mut id = fingerprint(&[b"kid\0", secret.expose_secret().as_bytes()].concat());
    id.truncate(8);
    id
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use hmac::{Hmac, KeyInit as _, Mac as _};
    use serde_json::json;
    use sha2::Sha384;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn tokens() -> Tokens {
        Tokens::new(&SECRET.into(), None, Duration::from_mins(1))
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
        let header = Header { kid: Some(key_id(&SECRET.into())), ..Header::new(algorithm) };
        encode(&header, &claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
    }

    /// `token`, signed with HS384 and the same secret.
    fn resigned_with_hs384(token: &str) -> String {
        let header = json!({ "typ": "JWT", "alg": "HS384", "kid": key_id(&SECRET.into()) }).to_string();
        let claims = token.split('.').nth(1).unwrap();
        let message = format!("{}.{claims}", URL_SAFE_NO_PAD.encode(header));
        let signer = Hmac::<Sha384>::new_from_slice(SECRET.as_bytes()).unwrap();
        let signature = signer.chain_update(&message).finalize().into_bytes();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    #[test]
    fn a_token_is_valid_only_within_its_lifetime() {
        let (user, session) = ids();
        let token = tokens().issue(user, session, at(0)).unwrap();
        let claims = tokens().verify(&token, at(59)).unwrap();
        assert_eq!((claims.sub, claims.sid), (user, session));
        assert!(matches!(tokens().verify(&token, at(60)), Err(TokenError::Expired)));
        assert!(matches!(tokens().verify(&token, at(-1)), Err(TokenError::Expired)));
    }

    #[test]
    fn tokens_of_a_replaced_secret_stay_valid() {
        let (old, new): (SecretString, SecretString) = (SECRET.into(), "n".repeat(32).into());
        let (user, session) = ids();
        let before = tokens().issue(user, session, at(0)).unwrap();
        let both = Tokens::new(&new, Some(&old), Duration::from_mins(1));
        let after = both.issue(user, session, at(0)).unwrap();
        assert!(both.verify(&before, at(1)).is_ok() && both.verify(&after, at(1)).is_ok());
        let new_alone = Tokens::new(&new, None, Duration::from_mins(1));
        assert!(new_alone.verify(&after, at(1)).is_ok());
        assert!(matches!(new_alone.verify(&before, at(1)), Err(TokenError::Invalid(_))));
        assert!(matches!(tokens().verify(&after, at(1)), Err(TokenError::Invalid(_))));
    }

    #[test]
    fn forged_tokens_are_rejected() {
        let same = ("iss", json!(ISSUER));
        assert!(tokens().verify(&forged(Algorithm::HS256, SECRET, same.clone()), at(1)).is_ok());
        let unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.";
        for token in [
            forged(Algorithm::HS256, "another secret of 32 characters!!", same.clone()),
            resigned_with_hs384(&forged(Algorithm::HS256, SECRET, same)),
            forged(Algorithm::HS256, SECRET, ("iss", json!("another issuer"))),
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
