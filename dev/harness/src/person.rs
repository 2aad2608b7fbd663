//! People, and what they send.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use serde_json::json;
use tokio::time::sleep;
use uuid::Uuid;

use super::api::{Answer, Request};
use super::world::World;

/// How often the tier is looked at.
const GLANCE: Duration = Duration::from_millis(100);

/// The password of everybody.
pub const PASSWORD: &str = "correct horse battery";

/// Somebody with an account.
#[derive(Debug, Clone)]
pub struct Person {
    /// The mobile number.
    pub number: String,
    /// The access token.
    pub token: String,
    /// The refresh token.
    pub refresh_token: String,
}

/// A message that was accepted.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The id of the message.
    pub id: Uuid,
    /// Its text, which no other message has.
    pub text: String,
}

impl Person {
    /// Somebody new, by the way that everybody takes.
    pub async fn sign_up(world: &World) -> Result<Self> {
        let number = random_number();
        let post = |path: &str, body| Request::new("POST", path).json(&body);
        let code = post("/api/auth/send-signup-otp", json!({ "mobile_number": number }));
        let otp = code.send(&world.lambda).await?.expect(200)?.text("/otp")?;
        let account = json!({ "mobile_number": number, "otp": otp, "name": "Ada", "password": PASSWORD });
        let account = post("/api/auth/verify-signup-otp", account);
        let account = account.send(&world.lambda).await?.expect(201)?;
        let (token, refresh_token) = (account.text("/token")?, account.text("/refresh_token")?);
        Ok(Self { number, token, refresh_token })
    }

    /// The same person as an operator, named as an operator names others: beside the API.
    pub async fn make_admin(&self, world: &World) -> Result<Self> {
        const SQL: &str = "UPDATE users SET role = 'admin' WHERE mobile_number = $1";
        anyhow::ensure!(world.db.execute(SQL, &[&self.number]).await? == 1, "{} has no account", self.number);
        Ok(self.clone())
    }

    /// Has them pay for Pro, and answers what their subscription is called at Stripe. That of it is told by webhooks.
    pub async fn pay(&self, world: &World) -> Result<String> {
        let page = json!({ "success_url": "http://localhost/", "cancel_url": "http://localhost/" });
        let opened = self.request("POST", "/api/subscription/pro").json(&page);
        let session = opened.send(&world.lambda).await?.expect(200)?.text("/session_id")?;
        let card = json!({ "card": "4242424242424242" });
        let paid = world.stripe("POST", &format!("/_control/checkout/{session}"), &card).await?;
        Ok(paid["subscription"].as_str().context("a page without a subscription")?.to_owned())
    }

    /// Waits until they are on Pro.
    pub async fn wait_until_pro(&self, world: &World) -> Result<()> {
        const SQL: &str = "SELECT subscription_tier FROM users WHERE mobile_number = $1";
        let begun = Instant::now();
        while world.db.query_one(SQL, &[&self.number]).await?.get::<_, &str>(0) != "pro" {
            ensure!(begun.elapsed() < Duration::from_secs(30), "{} is not on Pro after 30 s", self.number);
            sleep(GLANCE).await;
        }
        Ok(())
    }

    /// A request of theirs.
    pub fn request(&self, method: &'static str, path: impl Into<String>) -> Request {
        Request::new(method, path).token(&self.token)
    }

    /// A new room's id.
    pub async fn room(&self, world: &World) -> Result<String> {
        let request = self.request("POST", "/api/chatroom").json(&json!({ "name": "A room" }));
        request.send(&world.lambda).await?.expect(201)?.text("/chatroom/id")
    }

    /// So many new rooms.
    pub async fn rooms(&self, world: &World, count: usize) -> Result<Vec<String>> {
        try_join_all((0..count).map(|_| self.room(world))).await
    }

    /// The request that sends `text` to `room`.
    #[must_use]
    pub fn message(&self, room: &str, text: &str) -> Request {
        self.request("POST", format!("/api/chatroom/{room}/message")).json(&json!({ "content": text }))
    }

    /// Sends a message that is accepted.
    pub async fn send(&self, world: &World, room: &str) -> Result<Sent> {
        self.send_text(world, room, &unique("message")).await
    }

    /// Sends a message of this text, which is accepted.
    pub async fn send_text(&self, world: &World, room: &str, text: &str) -> Result<Sent> {
        let answer = self.message(room, text).send(&world.lambda).await?.expect(201)?;
        Sent::read(&answer, text)
    }
}

impl Sent {
    /// The message that `answer` says was accepted.
    pub fn read(answer: &Answer, text: &str) -> Result<Self> {
        Ok(Self { id: answer.text("/message/id")?.parse()?, text: text.to_owned() })
    }
}

/// A number that nobody else has.
#[must_use]
pub fn random_number() -> String {
    format!("+49151{:08}", Uuid::new_v4().as_u128() % 100_000_000)
}

/// A text that nobody else uses, so that it can be told from all others.
#[must_use]
pub fn unique(text: &str) -> String {
    format!("{text} {}", Uuid::new_v4().simple())
}
