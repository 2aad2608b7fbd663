//! What handlers take out of a request, checked.

use std::str::FromStr;

use axum::body::{Bytes, to_bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use garde::Validate;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::ApiError;

/// How deep a body may be nested. None of ours has more than two levels; a field that is not known may be anything.
const MAX_DEPTH: usize = 32;

/// A JSON body that was read and found valid. Fields that are not known are ignored, never applied.
#[derive(Debug)]
pub struct Valid<T>(pub T);

impl<T, S> FromRequest<S> for Valid<T>
where
    T: DeserializeOwned + Validate<Context = ()>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            let detail = "the body must be JSON, with Content-Type: application/json";
            return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| body_error(&rejection))?;
        let value = parse(&bytes)?;
        check(&value)?;
        Ok(Self(value))
    }
}

/// The largest [`RawBody`], in bytes: the events of a vendor are larger than what people send.
pub(crate) const RAW_BODY_LIMIT: usize = 512 * 1024;

/// A body as it came, byte for byte: what a signature is of.
#[derive(Debug)]
pub struct RawBody(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for RawBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let too_large = |_| ApiError::body_too_large("512 KiB");
        to_bytes(request.into_body(), RAW_BODY_LIMIT).await.map(Self).map_err(too_large)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let essence = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

fn body_error(rejection: &BytesRejection) -> ApiError {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::body_too_large("64 KiB"),
        _ => ApiError::malformed("the body could not be received"),
    }
}

/// Reads JSON so that an error names the field it is in. What was sent is not repeated in the error.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    // A list would be taken for the fields in their order.
    if bytes.trim_ascii_start().first() == Some(&b'[') && serde_json::from_slice::<IgnoredAny>(bytes).is_ok()
    {
        return Err(ApiError::invalid(vec!["body: must be an object".to_owned()]));
    }
    if depth(bytes) > MAX_DEPTH {
        return Err(ApiError::malformed(format!("the body is nested more than {MAX_DEPTH} levels deep")));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let cause = error.into_inner();
        if !cause.is_data() {
            return ApiError::malformed(format!("the body is not JSON: {cause}"));
        }
        match path.as_str() {
            "." => ApiError::invalid(vec![format!("body: {}", expectation(&cause))]),
            path => ApiError::invalid(vec![format!("{path}: {}", expectation(&cause))]),
        }
    })?;
    deserializer.end().map_err(|error| ApiError::malformed(format!("the body is not JSON: {error}")))?;
    Ok(value)
}

/// How deep JSON is nested: serde bounds that only where it reads, not where it passes over.
fn depth(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// What serde expected, without the value that it found: that may be a password in the wrong place.
fn expectation(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.split_once(", expected ") {
        Some((_, expected)) => {
            let expected = expected.split(" at line ").next().unwrap_or(expected);
            match expected {
                "i32" | "i64" | "u32" | "u64" => "must be a whole number".to_owned(),
                _ if expected.starts_with("struct ") => "must be an object".to_owned(),
                _ => format!("must be {expected}"),
            }
        }
        None => text,
    }
}

fn check<T: Validate<Context = ()>>(value: &T) -> Result<(), ApiError> {
    value.validate().map_err(|report| {
        ApiError::invalid(report.iter().map(|(path, error)| format!("{path}: {error}")).collect())
    })
}

/// A query string that was read and found valid.
#[derive(Debug)]
pub struct ValidQuery<T>(pub T);

impl<T, S> FromRequestParts<S> for ValidQuery<T>
where
    T: DeserializeOwned + Validate<Context = ()>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Query(value) = Query::<T>::from_request_parts(parts, state).await.map_err(|rejection| {
            let text = rejection.body_text();
            let error = text.rsplit_once("query string: ").map_or(text.as_str(), |(_, error)| error);
            ApiError::invalid(vec![error.to_owned()])
        })?;
        check(&value)?;
        Ok(Self(value))
    }
}

/// An id out of the path. One that cannot be an id of ours names nothing: 404.
#[derive(Debug)]
pub struct Id<T>(pub T);

impl<T, S> FromRequestParts<S> for Id<T>
where
    T: FromStr + Send,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let absent = || ApiError::not_found("such thing");
        let Path(text) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| absent())?;
        text.parse().map(Self).map_err(|_| absent())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    struct Body {
        #[expect(dead_code, reason = "only its reading is tested")]
        name: String,
    }

    fn refusal(body: &str) -> String {
        format!("{:?}", parse::<Body>(body.as_bytes()).unwrap_err())
    }

    #[test]
    fn an_error_names_the_field_and_what_was_expected_but_not_the_value() {
        let text = refusal(r#"{"name": 48151623}"#);
        assert!(text.contains("name: must be a string"), "{text}");
        assert!(!text.contains("48151623"), "{text}");
        assert!(refusal(r#"{"name": "a", "name": "b"}"#).contains("duplicate field `name`"));
        for body in ["[]", " [\"a\"]", "5"] {
            assert!(refusal(body).contains("body: must be an object"), "{body}");
        }
    }

    #[test]
    fn what_is_not_json_is_malformed() {
        for body in ["", "{", "{\"name\":\"\\ud800\"}", "{\"name\":\"a\"} x", "\u{1}"] {
            assert!(refusal(body).contains("malformed_request"), "{body}");
        }
        let nested = |levels: usize| format!("{{\"x\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(refusal(&nested(60)).contains("nested"));
        assert!(refusal(&nested(20)).contains("missing field"), "{}", refusal(&nested(20)));
        assert!(!refusal(&format!("{{\"x\":\"\\\"{}\"}}", "[".repeat(60))).contains("nested"));
    }
}
