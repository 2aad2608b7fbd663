//! The few AWS calls that the stack itself makes. They are not signed: emulators read only the
//! access key id, and the local stack never calls AWS itself.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use reqwest::RequestBuilder;
use serde_json::Value;
use url::form_urlencoded;

use crate::settings::Settings;
use crate::web;

/// Timeout of a call, including a long poll.
const TIMEOUT: Duration = Duration::from_secs(30);

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
    pub(super) async fn cloudformation(&self, action: &str, parameters: &[(&str, &str)]) -> Result<String> {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs([("Action", action), ("Version", "2010-05-15")]).extend_pairs(parameters);
        let request = self
            .request("cloudformation")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.finish());
        send(action, request).await
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
    fn text_of_an_xml_element_is_unescaped() {
        assert_eq!(element("<a><b>x &amp; &lt;y&gt;</b><b>2</b></a>", "b").as_deref(), Some("x & <y>"));
        assert_eq!(element("<a></a>", "b"), None);
    }
}
