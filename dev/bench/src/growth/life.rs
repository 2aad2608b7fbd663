//! What people, the worker, the sweeper and operators do in their time, once each: so that every statement is sent that there is.

use std::time::Duration;

use anyhow::{Context as _, Result};
use harness::InstrumentedInstance;
use harness::TestEnvironment;
use harness::instrumented_instance::DONE;
use harness::proxy::Side;
use harness::{PASSWORD, TestUser, unique};
use harness::{Request, Response, event};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::operators;

/// How long a message may take until it is answered or given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// A hash of [`PASSWORD`] as another service made it, which is replaced when somebody signs in.
const OLD_HASH: &str = "$2b$04$dr29M4136pL.s3UYkS11M.ATr4xrUUye8EnEKRCI4KVyb5ITza7M2";

/// Asks, and expects `status`.
pub(super) async fn ask(world: &TestEnvironment, request: Request, status: u16) -> Result<Response> {
    request.send(world).await?.ensure(status)
}

pub(super) fn post(path: &str, body: &Value) -> Request {
    Request::new("POST", path).json(body)
}

/// Lives it, but for what is left to be asked again.
pub(super) async fn live(world: &TestEnvironment) -> Result<()> {
    let person = TestUser::sign_up(world).await?;
    let message = talk(world, &person).await?;
    read(world, &person, &message).await?;
    operators::live(world, &person).await?;
    come_and_go(world).await?;
    pay(world).await
}

/// Rooms, and what is said in them. Answers a message that was answered.
async fn talk(world: &TestEnvironment, person: &TestUser) -> Result<String> {
    let room = person.create_chatroom(world).await?;
    let change = person.request("PATCH", format!("/api/chatroom/{room}")).json(&json!({ "name": "Another" }));
    ask(world, change, 200).await?;
    let cancelled = person.send_message(world, &room).await?.id;
    ask(world, person.request("POST", format!("/api/chatroom/message/{cancelled}/cancel")), 200).await?;
    world.start_worker().await?;
    // Gemini has no answer the first time.
    let text = unique("stumble");
    let stumble = json!({ "match": text, "steps": [{ "kind": "error", "status": 503 }] });
    world.mocks.gemini("script", &stumble).await?;
    let sent = person.send_text(world, &room, &text).await?;
    world.wait_until_all_done(PATIENCE).await?;
    // A delivery too many.
    world.lambda.invoke("worker", world.delivery_of(&[sent.id])?).await.context("delivering twice")?;
    let emptied = person.create_chatroom(world).await?;
    ask(world, person.request("DELETE", format!("/api/chatroom/{emptied}")), 200).await?;
    Ok(sent.id.to_string())
}

/// Everything that can be read of an account, in all ways.
async fn read(world: &TestEnvironment, person: &TestUser, message: &str) -> Result<()> {
    let list = ask(world, person.request("GET", "/api/chatroom"), 200).await?;
    let room = list.string_at("/chatrooms/0/id")?;
    for path in [
        format!("/api/chatroom?limit=1&cursor={room}"),
        format!("/api/chatroom/{room}?before=2"),
        format!("/api/chatroom/message/{message}/status"),
        "/api/chatroom/search?q=stumble".to_owned(),
        "/api/user/me".to_owned(),
        "/api/user/stats".to_owned(),
        "/api/user/usage".to_owned(),
        "/api/user/export".to_owned(),
        "/api/auth/sessions".to_owned(),
        "/api/queue/status".to_owned(),
        "/health?deep=true".to_owned(),
    ] {
        ask(world, person.request("GET", path), 200).await?;
    }
    ask(world, person.request("PUT", "/api/user/me").json(&json!({ "name": "Ada King" })), 200).await?;
    Ok(())
}

/// Signing in and out in all ways, and leaving for good.
async fn come_and_go(world: &TestEnvironment) -> Result<()> {
    const OLD: &str = "UPDATE users SET password_hash = $2 WHERE mobile_number = $1";
    const NEW_PASSWORD: &str = "a wholly new password";
    let person = TestUser::sign_up(world).await?;
    let number = &person.number;
    let renew = post("/api/auth/refresh", &json!({ "refresh_token": person.refresh_token }));
    ask(world, renew.clone(), 200).await?;
    // Somebody has that token too.
    ask(world, renew, 401).await?;
    world.db.execute(OLD, &[number, &OLD_HASH]).await?;
    let login =
        |password: &str| post("/api/auth/login", &json!({ "mobile_number": number, "password": password }));
    let token = ask(world, login(PASSWORD), 200).await?.string_at("/token")?;
    let passwords = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
    ask(world, post("/api/auth/change-password", &passwords).token(&token), 200).await?;
    ask(world, post("/api/auth/logout", &json!({ "scope": "all" })).token(&token), 200).await?;
    let forgotten = post("/api/auth/forgot-password", &json!({ "mobile_number": number }));
    let otp = ask(world, forgotten, 200).await?.string_at("/otp")?;
    let reset = json!({ "mobile_number": number, "otp": otp, "new_password": PASSWORD });
    ask(world, post("/api/auth/reset-password", &reset), 200).await?;
    let token = ask(world, login(PASSWORD), 200).await?.string_at("/token")?;
    let leave = Request::new("DELETE", "/api/user/me").token(&token).json(&json!({ "password": PASSWORD }));
    ask(world, leave, 200).await.map(drop)
}

/// Paying, and thinking twice about it.
async fn pay(world: &TestEnvironment) -> Result<()> {
    let person = TestUser::sign_up(world).await?;
    world.pay_for_pro(&person).await?;
    world.wait_until_pro(&person).await?;
    for path in ["/api/subscription/status", "/api/subscription/plans"] {
        ask(world, person.request("GET", path), 200).await?;
    }
    for path in ["/api/subscription/cancel", "/api/subscription/reactivate"] {
        ask(world, person.request("POST", path).json(&json!({})), 200).await?;
    }
    let page = json!({ "return_url": "http://localhost/" });
    ask(world, person.request("POST", "/api/subscription/portal").json(&page), 200).await?;
    operators::reconcile(world).await?;
    leave_without_stripe(world, &person).await
}

/// An account that is being deleted while Stripe is away, which is told of it once it is back.
async fn leave_without_stripe(world: &TestEnvironment, person: &TestUser) -> Result<()> {
    const LEAVE: &str = "UPDATE users SET mobile_number = NULL, deleted_at = now() - interval '1 hour'
        WHERE mobile_number = $1";
    const DUE: &str = "UPDATE subscriptions SET review_at = now()";
    world.db.execute(LEAVE, &[&person.number]).await?;
    for faults in [vec![json!({ "fault": "status", "status": 500 }); 10], Vec::new()] {
        world.mocks.stripe("POST", "/_control/faults", &json!(faults)).await?;
        world.db.execute(DUE, &[]).await?;
        world.sweep().await?;
    }
    // With nothing left to do.
    for _ in 0..3 {
        world.sweep().await?;
    }
    Ok(())
}

/// A room whose function died when it was open and nobody knew.
pub(super) struct Interrupted(Request);

/// Has a function die so.
pub(super) async fn interrupt(world: &TestEnvironment) -> Result<Interrupted> {
    let person = TestUser::sign_up(world).await?;
    let key = Uuid::new_v4().to_string();
    let request = person.request("POST", "/api/chatroom").json(&json!({ "name": "A room" }));
    let request = request.header("idempotency-key", &key);
    let victim = InstrumentedInstance::start(world, "chatroom").await?;
    let opened = victim.pause_postgres_at(&[(Side::Client, "INSERT INTO chatrooms"), DONE]);
    victim.kill_at(event(&request), opened).await?;
    Ok(Interrupted(request))
}

impl Interrupted {
    /// Asks again until it is known to be open: while the one who died may still be at it, that is not said.
    pub(super) async fn ask_again(&self, world: &TestEnvironment) -> Result<()> {
        let begun = Instant::now();
        loop {
            let answer = self.0.send(world).await?;
            if answer.status != 409 || begun.elapsed() > Duration::from_mins(1) {
                return answer.ensure(201).map(drop);
            }
            sleep(Duration::from_millis(500)).await;
        }
    }
}
