//! Requests in process: as events of API Gateway (payload format 2.0, or 1.0 for the REST API), read by
//! the Lambda runtime's own code.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use api_client::{Request, Response, Transport};
use http_body_util::BodyExt;
use lambda_http::{Context, RequestExt as _};
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

use crate::{EventStream, TestApp, TestUser};

/// The event in `events/{name}.json`.
#[must_use]
pub fn event(name: &str) -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../../events/{name}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("events/{name}.json: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("events/{name}.json: {error}"))
}

/// A request to one application, under construction.
pub struct RequestBuilder<'a> {
    app: &'a TestApp,
    event: Value,
    context: Context,
}

impl Transport for TestApp {
    async fn send(&self, request: &Request) -> Result<Response> {
        let mut builder = RequestBuilder::new(self, &request.method, &request.path);
        for (name, value) in &request.headers {
            builder.event["headers"][name] = value.clone();
        }
        if let Some(body) = &request.body {
            builder.event["body"] = json!(str::from_utf8(body).context("the body is not UTF-8")?);
        }
        Ok(builder.send().await)
    }
}

impl<'a> RequestBuilder<'a> {
    pub(crate) fn new(app: &'a TestApp, method: &str, path: &str) -> Self {
        let mut event = event("site-health");
        let (raw_path, query) = path.split_once('?').unwrap_or((path, ""));
        event["rawPath"] = json!(raw_path);
        event["rawQueryString"] = json!(query);
        event["requestContext"]["http"]["method"] = json!(method);
        event["requestContext"]["http"]["path"] = json!(raw_path);
        Self::from_event(app, event)
    }

    fn from_event(app: &'a TestApp, mut event: Value) -> Self {
        let is_rest = event.get("httpMethod").is_some();
        let client = if is_rest { "identity" } else { "http" };
        event["requestContext"][client]["sourceIp"] = json!(app.address);
        event["requestContext"]["requestId"] = json!(Uuid::new_v4());
        // The responses of tests are not decompressed.
        if let Some(headers) = event["headers"].as_object_mut() {
            headers.remove("accept-encoding");
        }
        Self { app, event, context: Context::default() }
    }

    /// Sets a header; its name in lower case.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.event["headers"][name] = json!(value);
        self
    }

    /// Adds a query parameter to a request to the REST API.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.event["queryStringParameters"][name] = json!(value);
        self.event["multiValueQueryStringParameters"][name] = json!([value]);
        self
    }

    /// Adds a bearer token.
    #[must_use]
    pub fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Adds the access token of `user`.
    #[must_use]
    pub fn by(self, user: &TestUser) -> Self {
        self.token(&user.token)
    }

    /// Sets a JSON body.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "callers write json!(...) here")]
    pub fn json(self, body: Value) -> Self {
        self.body(&body.to_string()).header("content-type", "application/json")
    }

    /// Sets the body, without a content type.
    #[must_use]
    pub fn body(mut self, body: &str) -> Self {
        self.event["body"] = json!(body);
        self
    }

    /// Sets the time until Lambda stops the function.
    #[must_use]
    pub fn time_left(mut self, time: Duration) -> Self {
        let deadline = self.app.app.clock.now() + time;
        self.context.deadline = u64::try_from(deadline.timestamp_millis()).expect("the time is after 1970");
        self
    }

    /// Sends the request, and reads the whole response.
    pub async fn send(self) -> Response {
        let (head, body) = self.call().await.into_parts();
        let body = body.collect().await.expect("the body is readable").to_bytes();
        Response::new(head.status, head.headers, &body).expect("the body matches its content type")
    }

    /// Sends the request, whose response is a stream of events.
    pub async fn open(self) -> EventStream {
        EventStream::new(self.call().await)
    }

    async fn call(self) -> axum::response::Response {
        let request = lambda_http::request::from_str(&self.event.to_string()).expect("the event is readable");
        let request = request.with_lambda_context(self.context);
        self.app.service.clone().oneshot(request).await.expect("the service is infallible")
    }
}

impl TestApp {
    /// The request in `events/{name}.json`, with `user`'s token and with `id` instead of the id in
    /// its path.
    #[must_use]
    pub fn event(&self, name: &str, user: Option<&TestUser>, id: Option<&str>) -> RequestBuilder<'_> {
        let mut text = event(name).to_string();
        if let Some(id) = id {
            text = text.replace("018f0000-0000-7000-8000-000000000001", id);
        }
        if let Some(user) = user {
            text = text.replace("{{token}}", &user.token);
        }
        RequestBuilder::from_event(self, serde_json::from_str(&text).expect("the event is readable"))
    }
}
