//! HTTP responses from the functions' answers.

use anyhow::{Context as _, Result, bail};
use axum::body::Body;
use axum::http::response::Builder;
use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

/// Headers of one connection, which API Gateway sets itself.
const CONNECTION_HEADERS: [&str; 3] = ["connection", "keep-alive", "transfer-encoding"];

/// The response of a document: `statusCode`, `headers`, `body` and more.
pub(super) fn from_document(document: &Value) -> Result<Response> {
    let body = document["body"].as_str().unwrap_or_default();
    let body = match document["isBase64Encoded"].as_bool() {
        Some(true) => BASE64_STANDARD.decode(body).context("decoding the response body")?,
        _ => body.as_bytes().to_vec(),
    };
    head(document)?.body(Body::from(body)).context("creating the response")
}

/// The status, headers and cookies of a document or of a stream's prelude.
pub(super) fn head(document: &Value) -> Result<Builder> {
    let status = document["statusCode"].as_u64().and_then(|status| u16::try_from(status).ok());
    let mut response =
        Response::builder().status(status.with_context(|| format!("no status in {document}"))?);
    let lists = document["multiValueHeaders"].as_object();
    for (name, value) in document["headers"].as_object().into_iter().flatten() {
        let is_listed =
            lists.is_some_and(|lists| lists.keys().any(|listed| listed.eq_ignore_ascii_case(name)));
        if !is_listed && !is_of_connection(name) {
            response = response.header(name, text(name, value)?);
        }
    }
    for (name, values) in lists.into_iter().flatten().filter(|(name, _)| !is_of_connection(name)) {
        let values =
            values.as_array().with_context(|| format!("multiValueHeaders has no list for {name}"))?;
        for value in values {
            response = response.header(name, text(name, value)?);
        }
    }
    for cookie in document["cookies"].as_array().into_iter().flatten() {
        response = response.header("set-cookie", text("set-cookie", cookie)?);
    }
    Ok(response)
}

fn is_of_connection(name: &str) -> bool {
    CONNECTION_HEADERS.iter().any(|header| header.eq_ignore_ascii_case(name))
}

fn text(name: &str, value: &Value) -> Result<String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
        _ => bail!("the header {name} is not text: {value}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn headers_of_both_kinds_and_cookies_are_sent() {
        let document = json!({
            "statusCode": 201,
            "headers": { "vary": "a", "x-number": 7, "Transfer-Encoding": "chunked" },
            "multiValueHeaders": { "Vary": ["origin", "accept"] },
            "cookies": ["a=1", "b=2"],
        });
        let response = from_document(&document).unwrap();
        let all = |name| {
            let values = response.headers().get_all(name).iter();
            values.map(|value| value.to_str().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(response.status(), 201);
        assert_eq!((all("vary"), all("x-number")), (vec!["origin", "accept"], vec!["7"]));
        assert_eq!((all("set-cookie"), all("transfer-encoding")), (vec!["a=1", "b=2"], vec![]));
    }

    #[test]
    fn malformed_document_is_refused_by_the_name_of_its_fault() {
        let list = json!({ "statusCode": 200, "headers": { "vary": ["origin"] } });
        for (document, fault) in
            [(json!({}), "no status"), (json!({ "statusCode": 70_000 }), "no status"), (list, "header vary")]
        {
            let error = head(&document).unwrap_err().to_string();
            assert!(error.contains(fault), "{error}");
        }
    }
}
