//! A person with an account, as a client sees the API.

use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use uuid::Uuid;

use super::stack::Stack;

/// How long a message may take to be answered before a test gives up.
const PATIENCE: Duration = Duration::from_secs(90);

/// Everybody's password.
pub const PASSWORD: &str = "correct horse battery";

#[derive(Clone)]
pub struct Person {
    http: Client,
    base_url: String,
    token: String,
    pub number: String,
}

impl Person {
    /// Somebody new, by the way that everybody takes: a code, then a password.
    pub async fn sign_up(stack: &Stack) -> Self {
        let number = format!("+49151{:08}", Uuid::new_v4().as_u128() % 100_000_000);
        let (http, base_url, token) = (Stack::client(), stack.base_url.clone(), String::new());
        let mut person = Self { http, base_url, token, number: number.clone() };
        let sent = person.post("/api/auth/send-signup-otp", &json!({ "mobile_number": number }), 200).await;
        let account = json!({
            "mobile_number": number, "otp": sent["otp"], "name": "Somebody", "password": PASSWORD,
        });
        let account = person.post("/api/auth/verify-signup-otp", &account, 201).await;
        account["token"].as_str().unwrap().clone_into(&mut person.token);
        person
    }

    /// Somebody who has signed in elsewhere.
    pub fn signed_in(stack: &Stack, token: &str, number: &str) -> Self {
        let (token, number) = (token.to_owned(), number.to_owned());
        Self { http: Stack::client(), base_url: stack.base_url.clone(), token, number }
    }

    /// What the API answers to a GET, once that is `right`.
    pub async fn until(&self, path: &str, right: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let body = self.get(path).await;
            if right(&body) {
                return body;
            }
            assert!(begun.elapsed() < PATIENCE, "GET {path}, after {PATIENCE:?}: {body}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// A new room's id.
    pub async fn create_room(&self, name: &str) -> String {
        let created = self.post("/api/chatroom", &json!({ "name": name }), 201).await;
        created["chatroom"]["id"].as_str().unwrap().to_owned()
    }

    /// Sends a message that is accepted, and answers its id.
    pub async fn send(&self, room: &str, content: &str) -> String {
        let answer = self.try_send(room, content).await;
        let status = answer.status();
        let body: Value = answer.json().await.unwrap();
        assert_eq!(status, 201, "{body}");
        assert_eq!(body["message"]["processing_status"], "pending", "{body}");
        body["message"]["id"].as_str().unwrap().to_owned()
    }

    /// Sends a message.
    pub async fn try_send(&self, room: &str, content: &str) -> Response {
        let url = format!("{}/api/chatroom/{room}/message", self.base_url);
        self.authorised(self.http.post(url)).json(&json!({ "content": content })).send().await.unwrap()
    }

    /// A message's status now.
    pub async fn status(&self, message: &str) -> Value {
        self.get(&format!("/api/chatroom/message/{message}/status")).await["message"].take()
    }

    /// A message's status once nothing more will come of it, by long polls.
    pub async fn outcome(&self, message: &str) -> Value {
        let begun = Instant::now();
        loop {
            let status =
                self.get(&format!("/api/chatroom/message/{message}/status?wait=25")).await["message"].take();
            if !matches!(status["processing_status"].as_str(), Some("pending" | "processing")) {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "not answered in {PATIENCE:?}: {status}");
        }
    }

    /// What the API answers to a GET, which is a 200.
    pub async fn get(&self, path: &str) -> Value {
        let request = self.authorised(self.http.get(format!("{}{path}", self.base_url)));
        let answer = request.timeout(PATIENCE).send().await.unwrap();
        let status = answer.status();
        let body: Value = answer.json().await.unwrap();
        assert_eq!(status, 200, "GET {path}: {body}");
        body
    }

    /// What the API answers to a GET, as text, which is a 200.
    pub async fn text(&self, path: &str) -> String {
        let request = self.authorised(self.http.get(format!("{}{path}", self.base_url)));
        let answer = request.timeout(PATIENCE).send().await.unwrap();
        assert_eq!(answer.status(), 200, "GET {path}");
        answer.text().await.unwrap()
    }

    /// Sends a DELETE, whose status is `expected`.
    pub async fn delete(&self, path: &str, body: &Value, expected: u16) {
        let request = self.authorised(self.http.delete(format!("{}{path}", self.base_url)));
        let answer = request.timeout(PATIENCE).json(body).send().await.unwrap();
        assert_eq!(answer.status(), expected, "DELETE {path}");
    }

    /// What the API answers to a POST, whose status is `expected`.
    pub async fn post(&self, path: &str, body: &Value, expected: u16) -> Value {
        let request = self.authorised(self.http.post(format!("{}{path}", self.base_url)));
        let answer = request.timeout(PATIENCE).json(body).send().await.unwrap();
        let status = answer.status();
        let body: Value = answer.json().await.unwrap();
        assert_eq!(status, expected, "POST {path}: {body}");
        body
    }

    fn authorised(&self, request: RequestBuilder) -> RequestBuilder {
        if self.token.is_empty() { request } else { request.bearer_auth(&self.token) }
    }
}

/// Text that nobody else uses, so that scripts and counts of one test do not touch another's.
pub fn unique(text: &str) -> String {
    format!("{text} {}", Uuid::new_v4().simple())
}
