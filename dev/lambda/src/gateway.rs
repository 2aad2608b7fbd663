//! API Gateway's HTTP API before the functions: requests become events of payload format 2.0, by the routes of
//! `template.yaml`, and answers become responses.
//!
//! Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>.

use std::str;

use anyhow::{Context as _, Result};
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Lambda;

/// The largest request, in bytes.
const LIMIT: usize = 10 * 1024 * 1024;

/// Which function answers a path, by `template.yaml`'s routes.
#[must_use]
pub fn function_of(path: &str) -> &str {
    let mut parts = path.trim_start_matches('/').split(['/', '?']);
    match (parts.next(), parts.next()) {
        (
            Some("api"),
            Some(group @ ("auth" | "user" | "chatroom" | "subscription" | "webhook" | "queue")),
        ) => group,
        _ => "site",
    }
}

/// The event of a request.
#[must_use]
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

/// Hands a request to its function.
pub(super) async fn pass_on(lambda: Lambda, request: Request) -> Response {
    answer(lambda, request).await.unwrap_or_else(|error| {
        eprintln!("a request was not answered: {error:#}");
        (StatusCode::INTERNAL_SERVER_ERROR, "{\"message\":\"Internal Server Error\"}").into_response()
    })
}

async fn answer(lambda: Lambda, request: Request) -> Result<Response> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, LIMIT).await.context("reading the request")?;
    // API Gateway decodes a path, and functions have it encoded again where that matters: the raw one is as good.
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let body = (!body.is_empty()).then_some(&body[..]);
    let event = event(head.method.as_str(), path, &joined(&head.headers), body);
    let answer = lambda.invoke(function_of(path), event).await?;
    let status = answer["statusCode"].as_u64().and_then(|status| u16::try_from(status).ok());
    let mut response = Response::builder().status(status.with_context(|| format!("no status in {answer}"))?);
    for (name, value) in answer["headers"].as_object().into_iter().flatten() {
        response = response.header(name, value.as_str().unwrap_or_default());
    }
    let body = answer["body"].as_str().unwrap_or_default();
    let body = match answer["isBase64Encoded"].as_bool() {
        Some(true) => BASE64_STANDARD.decode(body).context("decoding the answer")?,
        _ => body.as_bytes().to_vec(),
    };
    response.body(Body::from(body)).context("making the response")
}

/// The headers, those of one name in one; bytes that are no ASCII are taken for Latin-1.
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
    use stack::home::checkout;
    use stack::template::Template;

    #[test]
    fn paths_go_where_the_template_says() {
        for (path, function) in Template::read(&checkout()).unwrap().routes() {
            assert_eq!(function_of(&path.replace("{proxy+}", "x")), function, "{path}");
        }
        assert_eq!((function_of("/health?deep=true"), function_of("/api")), ("site", "site"));
    }

    #[test]
    fn a_body_that_is_no_text_is_encoded() {
        let event = event("POST", "/a?b=c", &Map::new(), Some(&[0xff, 0xfe]));
        assert_eq!((&event["isBase64Encoded"], &event["body"]), (&json!(true), &json!("//4=")));
        assert_eq!((&event["rawPath"], &event["rawQueryString"]), (&json!("/a"), &json!("b=c")));
    }
}
