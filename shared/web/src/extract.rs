//! Extractors of validated request data: JSON bodies, raw bodies, queries and ids.

use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use garde::Validate;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::ApiError;
use crate::body_limit::BodyLimit;

/// The deepest nesting of a body. The fields of this API need two levels; an unknown field may hold
/// anything.
const MAX_DEPTH: usize = 32;

/// A parsed and validated JSON body. Unknown fields are ignored.
#[derive(Debug)]
pub struct Valid<T>(pub T);

impl<T, S> FromRequest<S> for Valid<T>
where
    T: DeserializeOwned + Validate<Context = ()>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Err(not_json());
        }
        let bytes = BodyLimit::of(&request).read(request.into_body()).await?;
        parse_valid(&bytes).map(Self)
    }
}

/// As [`Valid`], where an empty body of any type counts as `{}`.
#[derive(Debug)]
pub struct OptionalBody<T>(pub T);

impl<T, S> FromRequest<S> for OptionalBody<T>
where
    T: DeserializeOwned + Default + Validate<Context = ()>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let is_json = is_json(request.headers());
        let bytes = BodyLimit::of(&request).read(request.into_body()).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        if is_json { parse_valid(&bytes).map(Self) } else { Err(not_json()) }
    }
}

fn not_json() -> ApiError {
    let detail = "the body must be JSON, with Content-Type: application/json";
    ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
}

fn parse_valid<T: DeserializeOwned + Validate<Context = ()>>(bytes: &[u8]) -> Result<T, ApiError> {
    let value = parse(without_byte_order_mark(bytes))?;
    check(&value)?;
    Ok(value)
}

/// The exact bytes of the body, for checking a signature.
#[derive(Debug)]
pub struct RawBody(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for RawBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        BodyLimit::of(&request).read(request.into_body()).await.map(Self)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let essence = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

/// The body without the byte order mark that some clients write before JSON. RFC 8259 section 8.1
/// allows a parser to ignore it.
pub(crate) fn without_byte_order_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes)
}

/// Parses JSON. An error names the field that it is in, and does not repeat the value.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    // serde would read an array as the fields of a struct in their order.
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
            return ApiError::malformed(format!("the body is not valid JSON: {cause}"));
        }
        if let Some(name) = absent_field(&cause) {
            let parent = if path == "." { String::new() } else { path + "." };
            return ApiError::invalid(vec![format!("{parent}{name}: is required")]);
        }
        match path.as_str() {
            "." => ApiError::invalid(vec![format!("body: {}", expectation(&cause))]),
            path => ApiError::invalid(vec![format!("{path}: {}", expectation(&cause))]),
        }
    })?;
    deserializer
        .end()
        .map_err(|error| ApiError::malformed(format!("the body is not valid JSON: {error}")))?;
    Ok(value)
}

/// How deep JSON is nested. serde limits the depth of values that it reads, but not of those that
/// it skips.
fn depth(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// The name of a required field that is absent. serde has it in the text only.
fn absent_field(error: &serde_json::Error) -> Option<String> {
    let text = error.to_string();
    let (name, _) = text.strip_prefix("missing field `")?.split_once('`')?;
    Some(name.to_owned())
}

/// What serde expected, without the value that it found: that may be a password in a wrong field.
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
        None => text.split(" at line ").next().unwrap_or(&text).to_owned(),
    }
}

fn check<T: Validate<Context = ()>>(value: &T) -> Result<(), ApiError> {
    value.validate().map_err(|report| {
        ApiError::invalid(report.iter().map(|(path, error)| format!("{path}: {error}")).collect())
    })
}

/// A parsed and validated query string.
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

/// An id from the path. A malformed id is a 404, like an id that does not exist.
#[derive(Debug)]
pub struct Id<T>(pub T);

impl<T, S> FromRequestParts<S> for Id<T>
where
    T: FromStr + Send,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let not_found = || ApiError::not_found("resource");
        let Path(text) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| not_found())?;
        text.parse().map(Self).map_err(|_| not_found())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    struct Body {
        #[expect(dead_code, reason = "the test only parses it")]
        name: String,
    }

    fn parse_error(body: &str) -> String {
        format!("{:?}", parse::<Body>(body.as_bytes()).unwrap_err())
    }

    #[test]
    fn error_names_the_field_and_the_expected_type_but_not_the_value() {
        let text = parse_error(r#"{"name": 48151623}"#);
        assert!(text.contains("name: must be a string"), "{text}");
        assert!(!text.contains("48151623"), "{text}");
        assert!(parse_error(r#"{"name": "a", "name": "b"}"#).contains("duplicate field `name`"));
        for body in ["[]", " [\"a\"]", "5"] {
            assert!(parse_error(body).contains("body: must be an object"), "{body}");
        }
    }

    #[test]
    fn invalid_json_is_malformed() {
        for body in ["", "{", "{\"name\":\"\\ud800\"}", "{\"name\":\"a\"} x", "\u{1}"] {
            assert!(parse_error(body).contains("malformed_request"), "{body}");
        }
        let nested = |levels: usize| format!("{{\"x\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse_error(&nested(60)).contains("nested"));
        assert!(parse_error(&nested(20)).contains("name: is required"), "{}", parse_error(&nested(20)));
        assert!(!parse_error(&format!("{{\"x\":\"\\\"{}\"}}", "[".repeat(60))).contains("nested"));
    }
}
