//! The control interfaces of mock Gemini and mock Stripe.

use anyhow::{Context as _, Result, ensure};
use reqwest::Client;
use serde_json::{Value, json};

#[derive(Debug, Clone)]
pub struct MockControl {
    pub client: Client,
    pub gemini_url: String,
    pub stripe_url: String,
    pub stripe_key: String,
}

impl MockControl {
    pub async fn gemini(&self, path: &str, body: &Value) -> Result<()> {
        let url = format!("{}/_control/{path}", self.gemini_url);
        let response = self.client.post(url).json(body).send().await.context("calling mock Gemini")?;
        let status = response.status();
        ensure!(status.is_success(), "mock Gemini: {status} {}", response.text().await.unwrap_or_default());
        Ok(())
    }

    /// Makes mock Gemini take these steps when a question contains `text`.
    pub async fn script(&self, text: &str, steps: Value) -> Result<()> {
        self.gemini("script", &json!({ "match": text, "steps": steps })).await
    }

    pub async fn reset_gemini_scripts(&self) -> Result<()> {
        let url = format!("{}/_control/script", self.gemini_url);
        self.client.delete(url).send().await.context("calling mock Gemini")?.error_for_status()?;
        Ok(())
    }

    /// How often mock Gemini was called with a question that contains `text`.
    pub async fn gemini_calls(&self, text: &str) -> Result<usize> {
        Ok(self.gemini_call_log(text).await?.len())
    }

    /// The logged calls of mock Gemini with a question that contains `text`, oldest first.
    pub async fn gemini_call_log(&self, text: &str) -> Result<Vec<Value>> {
        let url = format!("{}/_control/calls", self.gemini_url);
        let mut log: Value = self.client.get(url).send().await.context("calling mock Gemini")?.json().await?;
        let Value::Array(mut calls) = log["calls"].take() else { return Ok(Vec::new()) };
        calls.retain(|call| call["last_user_text"].as_str().is_some_and(|question| question.contains(text)));
        Ok(calls)
    }

    /// Calls mock Stripe: its API below `/v1`, its control interface below `/_control`. Sends no
    /// body if `body` is null.
    pub async fn stripe(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let url = format!("{}{path}", self.stripe_url);
        let request = self.client.request(method.parse()?, url).bearer_auth(&self.stripe_key);
        let request = if body.is_null() { request } else { request.json(body) };
        let response = request.send().await.context("calling mock Stripe")?;
        let status = response.status();
        let text = response.text().await.context("reading the answer of mock Stripe")?;
        ensure!(status.is_success(), "{method} {path}: mock Stripe: {status} {text}");
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    /// Pays on a checkout page, and returns the Stripe session.
    pub async fn pay(&self, session: &str) -> Result<Value> {
        let card = json!({ "card": "4242424242424242" });
        self.stripe("POST", &format!("/_control/checkout/{session}"), &card).await
    }

    /// All events of the account at mock Stripe, oldest first.
    pub async fn stripe_events(&self) -> Result<Vec<Value>> {
        let events = self.stripe("GET", "/_control/events", &Value::Null).await?;
        events.as_array().cloned().context("mock Stripe has no list of events")
    }
}
