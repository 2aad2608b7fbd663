//! The few AWS calls that the stack and the rehearsal of a deployment make. They are not signed:
//! emulators read only the access key id, and neither calls AWS itself.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;
use url::form_urlencoded;

use crate::settings::Settings;
use crate::web;

/// Timeout of a call, including a long poll.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Timeout of an invocation: that of the slowest function, and some time for the emulator.
const MAX_INVOCATION: Duration = Duration::from_mins(6);

#[derive(Debug, Clone)]
pub struct Aws {
    endpoint: String,
    region: String,
    access_key_id: String,
}

impl Aws {
    pub fn from_settings(settings: &Settings) -> Result<Self> {
        let get = |name| settings.get(name).with_context(|| format!("{name} is not set"));
        Ok(Self {
            endpoint: get("AWS_ENDPOINT_URL")?.trim_end_matches('/').to_owned(),
            region: get("AWS_REGION")?.to_owned(),
            access_key_id: get("AWS_ACCESS_KEY_ID")?.to_owned(),
        })
    }

    pub fn region(&self) -> &str {
        &self.region
    }

    /// The URL of a queue on this endpoint. Emulators return URLs with a host name of their own.
    pub(super) fn queue_url(&self, given: &str) -> String {
        let path = given.split_once("://").map_or(given, |(_, rest)| rest);
        let path = path.split_once('/').map_or("", |(_, path)| path);
        format!("{}/{path}", self.endpoint)
    }

    pub async fn sqs(&self, action: &str, body: &Value) -> Result<Value> {
        self.json("sqs", format!("AmazonSQS.{action}"), body).await
    }

    pub async fn dynamodb(&self, action: &str, body: &Value) -> Result<Value> {
        self.json("dynamodb", format!("DynamoDB_20120810.{action}"), body).await
    }

    pub async fn secrets(&self, action: &str, body: &Value) -> Result<Value> {
        self.json("secretsmanager", format!("secretsmanager.{action}"), body).await
    }

    pub async fn logs(&self, action: &str, body: &Value) -> Result<Value> {
        self.json("logs", format!("Logs_20140328.{action}"), body).await
    }

    /// Reads a resource of Lambda's API, such as `functions/NAME/aliases/live`. `None` if it does not
    /// exist.
    pub async fn lambda(&self, path: &str) -> Result<Option<Value>> {
        let request = self.request_to(Method::GET, &format!("/2015-03-31/{path}"), "lambda");
        let response = request.send().await.with_context(|| format!("reading {path} of the AWS emulator"))?;
        let (status, text) = (response.status(), response.text().await.unwrap_or_default());
        if status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        ensure!(status.is_success(), "the AWS emulator refused {path} ({status}): {}", text.trim());
        Ok(Some(serde_json::from_str(&text).with_context(|| format!("reading {path}"))?))
    }

    /// Invokes an alias of a function and returns what the function answers. Fails if the function
    /// does, or if Lambda throttles it.
    pub async fn invoke(&self, function: &str, alias: &str, payload: &Value) -> Result<Value> {
        let path = format!("/2015-03-31/functions/{function}/invocations?Qualifier={alias}");
        let request = self.request_to(Method::POST, &path, "lambda").timeout(MAX_INVOCATION);
        let response = request.body(payload.to_string()).send().await;
        let response = response.with_context(|| format!("invoking {function}"))?;
        let (status, is_error) = (response.status(), response.headers().contains_key("x-amz-function-error"));
        let text = response.text().await.with_context(|| format!("reading the answer of {function}"))?;
        ensure!(status.is_success() && !is_error, "{function} failed ({status}): {}", text.trim());
        serde_json::from_str(&text).with_context(|| format!("reading the answer of {function}"))
    }

    async fn json(&self, service: &str, target: String, body: &Value) -> Result<Value> {
        let request = self
            .request(service)
            .header("x-amz-target", &target)
            .header("content-type", "application/x-amz-json-1.0")
            .body(body.to_string());
        let text = send(&target, request).await?;
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).with_context(|| format!("reading the response to {target}"))
    }

    /// Calls CloudFormation and returns its response, which is XML.
    pub async fn cloudformation(&self, action: &str, parameters: &[(&str, &str)]) -> Result<String> {
        self.query("cloudformation", "2010-05-15", action, parameters).await
    }

    /// Calls IAM and returns its response, which is XML.
    pub async fn iam(&self, action: &str) -> Result<String> {
        self.query("iam", "2010-05-08", action, &[]).await
    }

    async fn query(
        &self,
        service: &str,
        version: &str,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<String> {
        // Not a variable: the serializer cannot be sent to another thread, as the call may be.
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("Action", action), ("Version", version)])
            .extend_pairs(parameters)
            .finish();
        let request =
            self.request(service).header("content-type", "application/x-www-form-urlencoded").body(body);
        send(action, request).await
    }

    fn request(&self, service: &str) -> RequestBuilder {
        self.request_to(Method::POST, "", service)
    }

    fn request_to(&self, method: Method, path: &str, service: &str) -> RequestBuilder {
        let scope = format!("{}/20200101/{}/{service}/aws4_request", self.access_key_id, self.region);
        web::client().request(method, format!("{}{path}", self.endpoint)).timeout(TIMEOUT).header(
            "authorization",
            format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"),
        )
    }
}

async fn send(action: &str, request: RequestBuilder) -> Result<String> {
    let response = request.send().await.with_context(|| format!("calling {action} of the AWS emulator"))?;
    let status = response.status();
    let text =
        response.text().await.with_context(|| format!("reading the AWS emulator's response to {action}"))?;
    if !status.is_success() {
        bail!("the AWS emulator refused {action} ({status}): {}", text.trim());
    }
    Ok(text)
}

/// The texts of all `name` elements in a CloudFormation response.
pub fn elements<'a>(xml: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = xml;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once(&*open)?;
        let (text, after) = after.split_once(&*close)?;
        rest = after;
        Some(text)
    })
}

/// The text of the first `element` in a CloudFormation response.
pub fn element(xml: &str, element: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{element}>"))?;
    let (text, _) = rest.split_once(&format!("</{element}>"))?;
    let characters =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&apos;", "'"), ("&amp;", "&")];
    Some(characters.iter().fold(text.to_owned(), |text, (entity, character)| text.replace(entity, character)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queue_urls_lead_to_the_endpoint() {
        let mut settings = Settings::none();
        settings.set_default("AWS_ENDPOINT_URL", "http://127.0.0.1:4567/");
        settings.set_default("AWS_REGION", "eu-central-1");
        settings.set_default("AWS_ACCESS_KEY_ID", "000000000000");
        let aws = Aws::from_settings(&settings).unwrap();
        let expected = "http://127.0.0.1:4567/000000000000/q.fifo";
        assert_eq!(aws.queue_url("http://localhost:4566/000000000000/q.fifo"), expected);
    }

    #[test]
    fn text_of_an_xml_element_is_unescaped() {
        assert_eq!(element("<a><b>x &amp; &lt;y&gt;</b><b>2</b></a>", "b").as_deref(), Some("x & <y>"));
        assert_eq!(element("<a></a>", "b"), None);
        assert_eq!(elements("<a><b>1</b><b>2</b></a>", "b").collect::<Vec<_>>(), ["1", "2"]);
    }
}
