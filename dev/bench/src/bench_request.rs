//! The requests that the benchmarks send.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use harness::{InstrumentedInstance, PASSWORD, Request, TestEnvironment, TestUser, event, function};
use serde_json::{Value, json};
use stack::functions::WORKER;
use tokio::time::Instant;
use uuid::Uuid;

use crate::sample::Sample;
use crate::{Mode, worker_events};

/// A request that can be sent repeatedly.
pub(crate) struct BenchRequest {
    pub(crate) name: &'static str,
    pub(crate) function: String,
    /// Where a repetition would be a duplicate, each event differs.
    event: Box<dyn Fn() -> Result<Value>>,
    is_expected: Box<dyn Fn(&Value) -> bool>,
}

impl BenchRequest {
    pub(crate) fn http(name: &'static str, status: u16, request: Request) -> Self {
        Self::varying(name, status, move || request.clone())
    }

    fn varying(name: &'static str, status: u16, request: impl Fn() -> Request + 'static) -> Self {
        let function = function(&request()).to_owned();
        let event = Box::new(move || Ok(event(&request())));
        let is_expected = Box::new(move |response: &Value| response["statusCode"] == status);
        Self { name, function, event, is_expected }
    }

    pub(crate) fn get(user: &TestUser, name: &'static str, path: impl Into<String>) -> Self {
        Self::http(name, 200, user.request("GET", path))
    }

    /// A sweep that repairs nothing.
    pub(crate) fn sweep() -> Self {
        let event = Box::new(|| Ok(json!({})));
        let is_idle = |response: &Value| {
            response.as_object().is_some_and(|repaired| repaired.values().all(|count| *count == 0))
        };
        Self { name: "sweep", function: "sweeper".to_owned(), event, is_expected: Box::new(is_idle) }
    }

    fn worker(name: &'static str, event: impl Fn() -> Result<Value> + 'static) -> Self {
        let is_expected = Box::new(|response: &Value| response["batchItemFailures"] == json!([]));
        Self { name, function: WORKER.to_owned(), event: Box::new(event), is_expected }
    }

    /// Sends the request `times` times, checks the responses, and returns the response times.
    pub(crate) async fn send(&self, instance: &InstrumentedInstance, times: usize) -> Result<Sample> {
        let mut sample = Sample::default();
        for _ in 0..times {
            sample.push(self.send_event(instance, self.event()?).await?.0);
        }
        Ok(sample)
    }

    /// Sends an event that was created before, and returns the response time and the response.
    pub(crate) async fn send_event(
        &self,
        instance: &InstrumentedInstance,
        event: Value,
    ) -> Result<(Duration, Value)> {
        let begun = Instant::now();
        let response = instance.invoke(event).await.with_context(|| self.name.to_owned())?;
        let took = begun.elapsed();
        ensure!((self.is_expected)(&response), "{}: unexpected response {response}", self.name);
        Ok((took, response))
    }

    pub(crate) fn event(&self) -> Result<Value> {
        (self.event)()
    }
}

/// All requests of a Pro user with ten chatrooms, in one of which five messages were answered. The
/// queue must drive the worker meanwhile.
pub(crate) async fn all(environment: &TestEnvironment, mode: Mode) -> Result<Vec<BenchRequest>> {
    let user = TestUser::sign_up(environment).await?;
    let subscription = environment.pay_for_pro(&user).await?;
    environment.wait_until_pro(&user).await?;
    let room = user.create_chatroom(environment).await?;
    user.create_chatrooms(environment, 9).await?;
    let mut message = Uuid::nil();
    for _ in 0..5 {
        message = user.send_message(environment, &room).await?.id;
    }
    environment.wait_until_all_done(Duration::from_secs(30)).await?;
    let stripe_event = stripe_event(environment, &subscription).await?;
    let question = user.message(&room, "What is a lease good for?");
    let keyed_question = question.clone();
    // More than any benchmark sends.
    let events = mode.of(30, 600);
    let login = json!({ "mobile_number": user.number, "password": PASSWORD });
    let create = user.request("POST", "/api/chatroom").json(&json!({ "name": "A chatroom" }));
    Ok(vec![
        BenchRequest::get(&user, "GET /api/user/me", "/api/user/me"),
        BenchRequest::get(&user, "GET /api/chatroom", "/api/chatroom"),
        BenchRequest::get(&user, "GET /api/chatroom/{id}", format!("/api/chatroom/{room}")),
        BenchRequest::get(&user, "GET message status", format!("/api/chatroom/message/{message}/status")),
        BenchRequest::get(&user, "GET /api/subscription/status", "/api/subscription/status"),
        BenchRequest::get(&user, "GET /api/subscription/plans", "/api/subscription/plans"),
        BenchRequest::get(&user, "GET /api/queue/status", "/api/queue/status"),
        BenchRequest::get(&user, "GET /health", "/health"),
        BenchRequest::http("POST /api/chatroom", 201, create),
        BenchRequest::http("POST message", 201, question),
        BenchRequest::varying("POST message with Idempotency-Key", 201, move || {
            keyed_question.clone().header("idempotency-key", &Uuid::new_v4().to_string())
        }),
        BenchRequest::http("POST /api/auth/login", 200, Request::post("/api/auth/login", &login)),
        BenchRequest::varying("POST /api/webhook/stripe", 200, move || signed_webhook(&stripe_event)),
        BenchRequest::worker("worker, 1 message", worker_events::create(environment, 1, events).await?),
        BenchRequest::worker("worker, 10 messages", worker_events::create(environment, 10, events).await?),
    ])
}

/// A Stripe event with a new id, because the webhook ignores events that it has processed.
fn signed_webhook(event: &Value) -> Request {
    let mut event = event.clone();
    event["id"] = format!("evt_{}", Uuid::new_v4().simple()).into();
    let body = event.to_string();
    Request::new("POST", "/api/webhook/stripe")
        .body(body.as_bytes())
        .header("content-type", "application/json")
        .header("stripe-signature", &TestEnvironment::sign_webhook(&body))
}

async fn stripe_event(environment: &TestEnvironment, subscription: &str) -> Result<Value> {
    let events = environment.mocks.stripe_events().await?;
    let payloads = events.iter().filter_map(|event| event["payload"].as_str());
    let payload = payloads.into_iter().find(|payload| payload.contains(subscription));
    let payload = payload.with_context(|| format!("mock Stripe has no event of {subscription}"))?;
    Ok(serde_json::from_str(payload)?)
}
