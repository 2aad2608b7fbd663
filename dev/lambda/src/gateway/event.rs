//! The events that the two APIs make of a request: payload format 2.0 for the HTTP API, 1.0 for the
//! REST API.

use std::str;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};
use url::form_urlencoded;
use uuid::Uuid;

use super::routes::{Api, Route, Routes};

/// A request. API Gateway decodes the path, and functions encode it again, so the raw path has the
/// same effect.
#[derive(Debug, Clone, Copy)]
pub struct EventRequest<'a> {
    pub method: &'a str,
    pub path_and_query: &'a str,
    /// The headers, by their names in lower case.
    pub headers: &'a Map<String, Value>,
    pub body: Option<&'a [u8]>,
    /// The client's address.
    pub address: &'a str,
}

impl EventRequest<'_> {
    /// The event of the API that serves the path.
    pub(super) fn event(&self, routes: &Routes) -> Value {
        match routes.find(self.path_and_query) {
            Some(route) if route.api == Api::Rest => self.rest_event(route, &routes.stage),
            _ => self.http_event(),
        }
    }

    fn path_and_query(&self) -> (&str, &str) {
        self.path_and_query.split_once('?').unwrap_or((self.path_and_query, ""))
    }

    fn http_event(&self) -> Value {
        let (path, query) = self.path_and_query();
        let text = self.body.map(str::from_utf8);
        let is_base64 = matches!(text, Some(Err(_)));
        let body = match text {
            Some(Ok(text)) => Some(text.to_owned()),
            Some(Err(_)) => self.body.map(|bytes| BASE64_STANDARD.encode(bytes)),
            None => None,
        };
        json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": query,
            "headers": self.headers,
            "requestContext": {
                "accountId": "000000000000",
                "apiId": "local",
                "domainName": "127.0.0.1",
                "domainPrefix": "local",
                "http": {
                    "method": self.method, "path": path, "protocol": "HTTP/1.1",
                    "sourceIp": self.address, "userAgent": self.headers.get("user-agent"),
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

    fn rest_event(&self, route: &Route, stage: &str) -> Value {
        let (path, query) = self.path_and_query();
        let lists = self.headers.iter().map(|(name, value)| (name.clone(), json!([value])));
        let multi_value_headers: Map<String, Value> = lists.collect();
        let (mut last, mut all) = (Map::new(), Map::<String, Value>::new());
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            last.insert(name.to_string(), (&*value).into());
            let values = all.entry(name).or_insert_with(|| json!([]));
            values.as_array_mut().into_iter().for_each(|values| values.push((&*value).into()));
        }
        json!({
            "version": "1.0",
            "resource": route.path,
            "path": path,
            "httpMethod": self.method,
            "headers": self.headers,
            "multiValueHeaders": multi_value_headers,
            "queryStringParameters": or_null(last),
            "multiValueQueryStringParameters": or_null(all),
            "pathParameters": or_null(route.parameters(path).unwrap_or_default()),
            "stageVariables": null,
            "requestContext": {
                "accountId": "000000000000",
                "apiId": "local",
                "domainName": "127.0.0.1",
                "domainPrefix": "local",
                "extendedRequestId": "local",
                "httpMethod": self.method,
                "identity": { "sourceIp": self.address, "userAgent": self.headers.get("user-agent") },
                "path": format!("/{stage}{path}"),
                "protocol": "HTTP/1.1",
                "requestId": Uuid::new_v4(),
                "requestTime": "24/Nov/2026:12:00:00 +0000",
                "requestTimeEpoch": 0,
                "resourceId": "local",
                "resourcePath": route.path,
                "stage": stage,
            },
            // An API without binary media types reads each body as text.
            "body": self.body.map(String::from_utf8_lossy),
            "isBase64Encoded": false,
        })
    }
}

/// The REST API has `null` where there are no entries.
fn or_null(entries: Map<String, Value>) -> Value {
    if entries.is_empty() { Value::Null } else { entries.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(path_and_query: &str, body: &[u8], routes: &Routes) -> Value {
        let headers = &Map::from_iter([("x-name".to_owned(), "a".into())]);
        let (method, body, address) = ("POST", Some(body), "192.0.2.1");
        EventRequest { method, path_and_query, headers, body, address }.event(routes)
    }

    #[test]
    fn http_api_encodes_a_body_that_is_not_utf8() {
        let event = event("/a?b=c", &[0xff, 0xfe], &Routes::default());
        assert_eq!((&event["isBase64Encoded"], &event["body"]), (&json!(true), &json!("//4=")));
        assert_eq!((&event["rawPath"], &event["rawQueryString"]), (&json!("/a"), &json!("b=c")));
        assert_eq!(event["requestContext"]["http"]["sourceIp"], "192.0.2.1");
    }

    #[test]
    fn rest_api_has_the_payload_format_1() {
        let path = "/api/stream/{id}".to_owned();
        let routes = Routes {
            routes: vec![Route { path, function: "stream".to_owned(), api: Api::Rest }],
            stage: "prod".to_owned(),
        };
        let event = event("/api/stream/7?a=1%20x&a=2", b"text", &routes);
        let context = &event["requestContext"];
        assert_eq!((&event["version"], &event["httpMethod"]), (&json!("1.0"), &json!("POST")));
        assert_eq!(
            (&event["path"], &context["path"]),
            (&json!("/api/stream/7"), &json!("/prod/api/stream/7"))
        );
        assert_eq!(
            (&context["identity"]["sourceIp"], &context["stage"]),
            (&json!("192.0.2.1"), &json!("prod"))
        );
        assert_eq!(event["pathParameters"], json!({ "id": "7" }));
        assert_eq!(event["queryStringParameters"], json!({ "a": "2" }));
        assert_eq!(event["multiValueQueryStringParameters"], json!({ "a": ["1 x", "2"] }));
        assert_eq!(
            (&event["headers"]["x-name"], &event["multiValueHeaders"]["x-name"]),
            (&json!("a"), &json!(["a"]))
        );
        assert_eq!((&event["body"], &event["stageVariables"]), (&json!("text"), &Value::Null));
    }
}
