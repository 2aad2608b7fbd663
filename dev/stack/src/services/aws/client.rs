//! The few AWS calls that the stack itself makes. They are not signed: emulators read only the
//! access key id, and the local stack never calls AWS itself.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use reqwest::RequestBuilder;
use serde_json::Value;

use crate::settings::Settings;
use crate::web;

/// Timeout of a call, including a long poll.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A client of the AWS emulator.
#[derive(Debug, Clone)]
pub struct Aws {
    endpoint: String,
    region: String,
    access_key_id: String,
}

impl Aws {
    /// The emulator that these variables name.
    ///
    /// # Errors
    /// When one of them is not set.
    pub fn from_settings(settings: &Settings) -> Result<Self> {
        let get = |name| settings.get(name).with_context(|| format!("{name} is not set"));
        Ok(Self {
            endpoint: get("AWS_ENDPOINT_URL")?.trim_end_matches('/').to_owned(),
            region: get("AWS_REGION")?.to_owned(),
            access_key_id: get("AWS_ACCESS_KEY_ID")?.to_owned(),
        })
    }

    /// The region.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The URL of a queue on this endpoint. Emulators return URLs with a host name of their own.
    #[must_use]
    pub fn queue_url(&self, given: &str) -> String {
        let path = given.split_once("://").map_or(given, |(_, rest)| rest);
        let path = path.split_once('/').map_or("", |(_, path)| path);
        format!("{}/{path}", self.endpoint)
    }

    /// Calls SQS.
    pub async fn sqs(&self, action: &str, body: &Value) -> Result<Value> {
        let request = self
            .request("sqs")
            .header("x-amz-target", format!("AmazonSQS.{action}"))
            .header("content-type", "application/x-amz-json-1.0")
            .body(body.to_string());
        let text = send(action, request).await?;
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).with_context(|| format!("reading the response of SQS to {action}"))
    }

    /// Calls CloudFormation and returns its response, which is XML.
    pub async fn cloudformation(&self, action: &str, parameters: &[(&str, &str)]) -> Result<String> {
        let version = [("Action", action), ("Version", "2010-05-15")];
        let pairs = version.iter().chain(parameters);
        let body: Vec<String> =
            pairs.map(|(name, value)| format!("{name}={}", percent_encoded(value))).collect();
        let request = self
            .request("cloudformation")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.join("&"));
        send(action, request).await
    }

    /// Calls DynamoDB.
    pub async fn dynamodb(&self, action: &str, body: &Value) -> Result<Value> {
        let request = self
            .request("dynamodb")
            .header("x-amz-target", format!("DynamoDB_20120810.{action}"))
            .header("content-type", "application/x-amz-json-1.0")
            .body(body.to_string());
        let text = send(action, request).await?;
        serde_json::from_str(&text).with_context(|| format!("reading DynamoDB's response to {action}"))
    }

    fn request(&self, service: &str) -> RequestBuilder {
        let scope = format!("{}/20200101/{}/{service}/aws4_request", self.access_key_id, self.region);
        web::client().post(&self.endpoint).timeout(TIMEOUT).header(
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

fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

/// The text of the first `element` in a CloudFormation response.
pub(super) fn element(xml: &str, element: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{element}>"))?;
    let (text, _) = rest.split_once(&format!("</{element}>"))?;
    Some(text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&"))
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
    fn xml_and_forms_are_escaped() {
        assert_eq!(element("<a><b>x &amp; &lt;y&gt;</b><b>2</b></a>", "b").as_deref(), Some("x & <y>"));
        assert_eq!(element("<a></a>", "b"), None);
        assert_eq!(percent_encoded("a b&c=ü"), "a%20b%26c%3D%C3%BC");
    }
}
