//! API Gateway's HTTP API: turns requests into events of payload format 2.0, routes them by
//! `template.yaml`, and turns the functions' responses into HTTP responses.
//!
//! Source:
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>.

use std::collections::BTreeMap;
use std::str;
use std::sync::LazyLock;

use anyhow::{Context as _, Result};
use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};
use stack::checkout;
use stack::template::Template;
use uuid::Uuid;

use super::Lambda;

/// Maximum size of a request body, in bytes.
const MAX_BODY: usize = 10 * 1024 * 1024;

/// The function that serves a path. Empty if `template.yaml` cannot be read.
///
/// As in API Gateway, an exact route wins over `{proxy+}`, and a longer route over a shorter one.
pub fn function_of(path: &str) -> &'static str {
    static ROUTES: LazyLock<BTreeMap<String, String>> =
        LazyLock::new(|| Template::read(&checkout()).map(|template| template.routes()).unwrap_or_default());
    let path = path.split('?').next().unwrap_or_default();
    let matches = |route: &str| match route.strip_suffix("{proxy+}") {
        Some(prefix) => path.starts_with(prefix),
        None => path == route,
    };
    let exact = ROUTES.get(path);
    let longest = || ROUTES.iter().filter(|(route, _)| matches(route)).max_by_key(|(route, _)| route.len());
    exact.or_else(|| Some(longest()?.1)).map_or("", String::as_str)
}

pub fn event(method: &str, path_and_query: &str, headers: &Map<String, Value>, body: Option<&[u8]>) -> Value {
    let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
    let text = body.map(str::from_utf8);
    let is_base64 = matches!(text, Some(Err(_)));
    let body = match text {
        Some(Ok(text)) => Some(text.to_owned()),
        Some(Err(_)) => body.map(|bytes| BASE64_STANDARD.encode(bytes)),
        None => None,
    };
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": "127.0.0.1",
            "domainPrefix": "local",
            "http": {
                "method": method, "path": path, "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1", "userAgent": headers.get("user-agent"),
            },
            "requestId": Uuid::new_v4(),
            "routeKey": "$default",
            "stage": "$default",
            "time": "24/Nov/2026:12:00:00 +0000",
            "timeEpoch": 0,
        },
        "body": body,
        "isBase64Encoded": is_base64,
    })
}

/// Passes a request to its function. If the function fails, responds as API Gateway does.
pub(super) async fn handle(lambda: &Lambda, request: Request) -> Response {
    // Without the query, which can contain what users search for.
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    respond(lambda, request).await.unwrap_or_else(|error| {
        eprintln!("{method} {path} failed: {error:#}");
        (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "message": "Internal Server Error" })))
            .into_response()
    })
}

async fn respond(lambda: &Lambda, request: Request) -> Result<Response> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY).await.context("reading the request")?;
    // API Gateway decodes the path, and functions encode it again, so the raw path has the same
    // effect.
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let body = (!body.is_empty()).then_some(&body[..]);
    let event = event(head.method.as_str(), path, &joined(&head.headers), body);
    let payload = lambda.invoke(function_of(path), event).await?;
    let status = payload["statusCode"].as_u64().and_then(|status| u16::try_from(status).ok());
    let mut response = Response::builder().status(status.with_context(|| format!("no status in {payload}"))?);
    for (name, value) in payload["headers"].as_object().into_iter().flatten() {
        response = response.header(name, value.as_str().unwrap_or_default());
    }
    let body = payload["body"].as_str().unwrap_or_default();
    let body = match payload["isBase64Encoded"].as_bool() {
        Some(true) => BASE64_STANDARD.decode(body).context("decoding the response body")?,
        _ => body.as_bytes().to_vec(),
    };
    response.body(Body::from(body)).context("creating the response")
}

/// The headers as an event has them: those of one name are joined, and their bytes read as Latin-1.
fn joined(headers: &HeaderMap) -> Map<String, Value> {
    let mut joined = Map::new();
    for name in headers.keys() {
        let values = headers.get_all(name).iter();
        let texts: Vec<String> =
            values.map(|value| value.as_bytes().iter().map(|byte| char::from(*byte)).collect()).collect();
        joined.insert(name.as_str().to_owned(), texts.join(",").into());
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_routed_by_the_template() {
        for (path, function) in Template::read(&checkout()).unwrap().routes() {
            assert_eq!(function_of(&path.replace("{proxy+}", "x")), function, "{path}");
            assert_eq!(function_of(&path.replace("{proxy+}", "")), function, "{path}");
        }
        assert_eq!((function_of("/health?deep=true"), function_of("/api")), ("site", "site"));
        assert_eq!((function_of("/api/auth"), function_of("/api/auth/a/b?c")), ("site", "auth"));
    }

    #[test]
    fn body_that_is_not_utf8_is_base64() {
        let event = event("POST", "/a?b=c", &Map::new(), Some(&[0xff, 0xfe]));
        assert_eq!((&event["isBase64Encoded"], &event["body"]), (&json!(true), &json!("//4=")));
        assert_eq!((&event["rawPath"], &event["rawQueryString"]), (&json!("/a"), &json!("b=c")));
    }
}
