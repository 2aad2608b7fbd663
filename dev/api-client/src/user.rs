//! A user with an account, and what users commonly do.

use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::future::try_join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Request, Response, Transport, wait_until};

pub const PASSWORD: &str = "correct horse battery";

const MAX_WAIT: Duration = Duration::from_secs(90);

#[derive(Debug, Clone)]
pub struct TestUser {
    pub number: String,
    pub token: String,
    pub refresh_token: String,
}

#[derive(Debug, Clone)]
pub struct SentMessage {
    pub id: Uuid,
    /// Its text, which no other message contains.
    pub text: String,
}

impl TestUser {
    pub async fn sign_up(api: &impl Transport) -> Result<Self> {
        Self::sign_up_with_number(api, random_number()).await
    }

    pub async fn sign_up_with_number(api: &impl Transport, number: String) -> Result<Self> {
        let code = Request::post("/api/auth/send-signup-otp", &json!({ "mobile_number": number }));
        let otp = code.send(api).await?.ensure(200)?.string_at("/otp")?;
        let account = json!({ "mobile_number": number, "otp": otp, "name": "Ada", "password": PASSWORD });
        let account = Request::post("/api/auth/verify-signup-otp", &account);
        let account = account.send(api).await?.ensure(201)?;
        let (token, refresh_token) = (account.string_at("/token")?, account.string_at("/refresh_token")?);
        Ok(Self { number, token, refresh_token })
    }

    pub fn request(&self, method: &str, path: impl Into<String>) -> Request {
        Request::new(method, path).token(&self.token)
    }

    pub async fn create_chatroom(&self, api: &impl Transport) -> Result<String> {
        let request = self.request("POST", "/api/chatroom").json(&json!({ "name": "A chatroom" }));
        request.send(api).await?.ensure(201)?.string_at("/chatroom/id")
    }

    /// Creates a chatroom that gets a title after its first answer.
    pub async fn create_unnamed_chatroom(&self, api: &impl Transport) -> Result<String> {
        let request = self.request("POST", "/api/chatroom").json(&json!({}));
        request.send(api).await?.ensure(201)?.string_at("/chatroom/id")
    }

    pub async fn create_chatrooms(&self, api: &impl Transport, count: usize) -> Result<Vec<String>> {
        try_join_all((0..count).map(|_| self.create_chatroom(api))).await
    }

    pub fn message(&self, chatroom: &str, text: &str) -> Request {
        let path = format!("/api/chatroom/{chatroom}/message");
        self.request("POST", path).json(&json!({ "content": text }))
    }

    pub async fn send_message(&self, api: &impl Transport, chatroom: &str) -> Result<SentMessage> {
        self.send_text(api, chatroom, &unique("message")).await
    }

    pub async fn send_messages(
        &self,
        api: &impl Transport,
        chatroom: &str,
        count: usize,
    ) -> Result<Vec<SentMessage>> {
        let mut sent = Vec::with_capacity(count);
        for _ in 0..count {
            sent.push(self.send_message(api, chatroom).await?);
        }
        Ok(sent)
    }

    pub async fn send_text(&self, api: &impl Transport, chatroom: &str, text: &str) -> Result<SentMessage> {
        let response = self.message(chatroom, text).send(api).await?.ensure(201)?;
        SentMessage::read(&response, text)
    }

    /// Waits by long polls until a message is in a final state, and returns its status document.
    pub async fn wait_until_done(&self, api: &impl Transport, message: impl ToString) -> Result<Value> {
        let path = format!("/api/chatroom/message/{}/status?wait=25", message.to_string());
        let is_done = |body: &Value| {
            !matches!(body["message"]["processing_status"].as_str(), Some("pending" | "processing"))
        };
        Ok(self.wait_for(api, &path, is_done).await?["message"].take())
    }

    pub async fn wait_for(
        &self,
        api: &impl Transport,
        path: &str,
        condition: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let mut body = Value::Null;
        let is_met = async || {
            body = self.request("GET", path).send(api).await?.ensure(200)?.body;
            Ok(condition(&body))
        };
        let waited = wait_until(path, MAX_WAIT, is_met).await;
        waited.with_context(|| format!("the last answer was {body}"))?;
        Ok(body)
    }

    /// Opens a checkout page for Pro and returns the Stripe session's id.
    pub async fn open_checkout(&self, api: &impl Transport) -> Result<String> {
        let page = json!({ "success_url": "http://localhost/", "cancel_url": "http://localhost/" });
        let request = self.request("POST", "/api/subscription/pro").json(&page);
        request.send(api).await?.ensure(200)?.string_at("/session_id")
    }
}

impl SentMessage {
    pub fn read(response: &Response, text: &str) -> Result<Self> {
        Ok(Self { id: response.string_at("/message/id")?.parse()?, text: text.to_owned() })
    }
}

/// A valid German mobile number that no other test uses.
pub fn random_number() -> String {
    format!("+49151{:08}", Uuid::new_v4().as_u128() % 100_000_000)
}

/// `text` with a random suffix, so that scripts and counts of one test do not affect another's.
pub fn unique(text: &str) -> String {
    format!("{text} {}", Uuid::new_v4().simple())
}
