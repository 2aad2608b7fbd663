//! What is asked of the functions.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use harness::InstrumentedInstance;
use harness::Request;
use harness::TestEnvironment;
use harness::{PASSWORD, TestUser, event, function};
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use super::stock::Stock;

/// What makes an event, each time anew where it has to be another.
type Make = Box<dyn Fn() -> Result<Value>>;

/// A kind of request.
pub(super) struct Probe {
    pub(super) name: &'static str,
    pub(super) function: &'static str,
    make: Make,
    expected: Expected,
}

/// What the answer is to be.
enum Expected {
    /// One of HTTP, with this status.
    Status(u16),
    /// One to SQS, which is to bring nothing again.
    AllDone,
}

impl Probe {
    pub(super) fn new(name: &'static str, expected: u16, make: impl Fn() -> Request + 'static) -> Self {
        let function: &'static str = match function(&make()) {
            "auth" => "auth",
            "user" => "user",
            "chatroom" => "chatroom",
            "subscription" => "subscription",
            "webhook" => "webhook",
            "queue" => "queue",
            _ => "site",
        };
        Self {
            name,
            function,
            make: Box::new(move || Ok(event(&make()))),
            expected: Expected::Status(expected),
        }
    }

    /// The worker, handed what `stock` has.
    fn of_worker(name: &'static str, stock: Stock) -> Self {
        Self { name, function: "worker", make: Box::new(move || stock.take()), expected: Expected::AllDone }
    }

    /// Asks once, and answers how long that took.
    pub(super) async fn ask(&self, guest: &InstrumentedInstance) -> Result<Duration> {
        let event = self.event()?;
        let begun = Instant::now();
        let answer = guest.invoke(event).await.with_context(|| self.name.to_owned())?;
        let took = begun.elapsed();
        self.check(&answer)?;
        Ok(took)
    }

    /// What is asked.
    pub(super) fn event(&self) -> Result<Value> {
        (self.make)()
    }

    /// Fails where `answer` is none that is expected.
    pub(super) fn check(&self, answer: &Value) -> Result<()> {
        let is_expected = match self.expected {
            Expected::Status(status) => answer["statusCode"] == status,
            Expected::AllDone => answer["batchItemFailures"] == json!([]),
        };
        ensure!(is_expected, "{}: {answer}", self.name);
        Ok(())
    }
}

/// Somebody on Pro, and what their subscription is called.
pub(super) async fn somebody(world: &TestEnvironment) -> Result<(TestUser, String)> {
    let person = TestUser::sign_up(world).await?;
    let subscription = world.pay_for_pro(&person).await?;
    world.wait_until_pro(&person).await?;
    Ok((person, subscription))
}

/// All of them, each to be asked up to `times` often, for somebody on Pro with a room in which something was said.
pub(super) async fn all(
    world: &TestEnvironment,
    person: &TestUser,
    subscription: &str,
    times: usize,
) -> Result<Vec<Probe>> {
    let (room, sent) = (person.create_chatroom(world).await?, person.create_chatrooms(world, 9).await?);
    ensure!(sent.len() == 9, "there are not ten rooms");
    let mut message = String::new();
    for _ in 0..5 {
        message = person.send_message(world, &room).await?.id.to_string();
    }
    world.wait_until_all_done(Duration::from_secs(30)).await?;
    let event = last_event(world, subscription).await?;
    let get = |name, path: String| {
        let person = person.clone();
        Probe::new(name, 200, move || person.request("GET", path.clone()))
    };
    let (sender, sending) = (person.clone(), room.clone());
    let (number, opener, keyed) = (person.number.clone(), person.clone(), person.clone());
    let keyed_room = room.clone();
    let mut probes = vec![
        get("GET /api/user/me", "/api/user/me".to_owned()),
        get("GET /api/chatroom", "/api/chatroom".to_owned()),
        get("GET /api/chatroom/{id}", format!("/api/chatroom/{room}")),
        get("GET message status", format!("/api/chatroom/message/{message}/status")),
        get("GET /api/subscription/status", "/api/subscription/status".to_owned()),
        get("GET /api/subscription/plans", "/api/subscription/plans".to_owned()),
        get("GET /api/queue/status", "/api/queue/status".to_owned()),
        get("GET /health", "/health".to_owned()),
        Probe::new("POST /api/chatroom", 201, move || {
            opener.request("POST", "/api/chatroom").json(&json!({ "name": "A room" }))
        }),
        Probe::new("POST message", 201, move || sender.message(&sending, "What is a lease good for?")),
        Probe::new("POST message, keyed", 201, move || {
            let key = Uuid::new_v4().to_string();
            keyed.message(&keyed_room, "What is a lease good for?").header("idempotency-key", &key)
        }),
        Probe::new("POST /api/auth/login", 200, move || {
            let body = json!({ "mobile_number": number, "password": PASSWORD });
            Request::new("POST", "/api/auth/login").json(&body)
        }),
    ];
    probes.push(webhook(event));
    probes.push(Probe::of_worker("a message answered", Stock::lay_in(world, 1, times).await?));
    probes.push(Probe::of_worker("ten messages answered", Stock::lay_in(world, 10, times).await?));
    Ok(probes)
}

/// A signed event of Stripe's; each time another, for one that was seen before is not looked at.
fn webhook(payload: String) -> Probe {
    Probe::new("POST /api/webhook/stripe", 200, move || {
        let id = format!("evt_{}", Uuid::new_v4().simple());
        let mut event: Value = serde_json::from_str(&payload).unwrap_or_default();
        event["id"] = id.into();
        let body = event.to_string();
        let signature = TestEnvironment::sign_webhook(&body);
        Request::new("POST", "/api/webhook/stripe")
            .body(body.as_bytes())
            .header("content-type", "application/json")
            .header("stripe-signature", &signature)
    })
}

async fn last_event(world: &TestEnvironment, subscription: &str) -> Result<String> {
    let events = world.mocks.stripe("GET", "/_control/events", &Value::Null).await?;
    let tells =
        |event: &&Value| event["payload"].as_str().is_some_and(|payload| payload.contains(subscription));
    let event =
        events.as_array().context("no events")?.iter().find(tells).context("no event of the subscription")?;
    Ok(event["payload"].as_str().context("an event without a payload")?.to_owned())
}
