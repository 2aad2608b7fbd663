//! Everything is done once, with every log that there is, well or not; then all logs are searched for what nobody may find
//! there. The logs of the scenarios before are searched too.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use harness::Suite;
use harness::api::{Answer, Request};
use harness::person::{PASSWORD, random_number, unique};
use harness::proxy::Mode;
use harness::world::World;
use serde_json::{Value, json};
use stack::StackFolder;

use crate::figure::Figure;
use crate::names;

/// What has logs of its own.
const FUNCTIONS: [&str; 11] = [
    "auth",
    "user",
    "chatroom",
    "subscription",
    "webhook",
    "queue",
    "site",
    "worker",
    "sweeper",
    "migrate",
    "event-source-mapping",
];

/// What is not to be found, and what it is.
type Secrets = BTreeMap<String, &'static str>;

pub(super) async fn run(suite: &Suite) -> Result<Figure> {
    let world =
        World::start(suite, "clean-logs", &[("RUST_LOG", "trace"), ("OTP_MAX_PER_DAY", "1000000")]).await?;
    world.start_worker().await?;
    let mut secrets = Secrets::new();
    secrets.insert(world.var("JWT_SECRET")?.to_owned(), "the secret of tokens");
    secrets.insert(PASSWORD.to_owned(), "a password");
    secrets.insert(world.var("STRIPE_SECRET_KEY")?.to_owned(), "the key of Stripe");
    secrets.insert(world.var("STRIPE_WEBHOOK_SECRET")?.to_owned(), "the secret of webhooks");
    let password = postgres_password(world.var("DATABASE_URL")?);
    secrets.insert(password.context("the database's address has no password")?, "the database's password");
    live(&world, &mut secrets).await?;
    // What fails is logged, with its cause.
    world.redis.set(Mode::Refuse);
    world.postgres.set(Mode::Refuse);
    live(&world, &mut secrets).await.ok();
    world.redis.set(Mode::Pass);
    world.postgres.set(Mode::Pass);

    let mut figure = Figure::new(format!("{} secrets, codes, tokens, passwords and texts", secrets.len()));
    let (mut lines, mut hits, mut answered) = (0, 0, 0);
    for (log, text) in logs(&world.home.logs())? {
        lines += text.lines().count();
        answered += text.matches("\"answered\"").count();
        for (secret, what) in &secrets {
            let found = text.matches(secret.as_str()).count();
            hits += found;
            figure.check(found == 0, || format!("{log}: {what}, {found} times"));
        }
    }
    // A search that finds nothing at all has found no logs.
    figure.check(answered >= 15, || format!("only {answered} requests were logged"));
    figure.seen.push(format!("{hits} found in {lines} lines at RUST_LOG=trace"));
    let (lines, found) = others(suite)?;
    figure.check(found.is_empty(), || found.join(", "));
    figure.seen.push(format!("{} found in {lines} lines of the scenarios before", found.len()));
    Ok(figure)
}

/// Somebody signs up, writes, is answered, looks at everything, forgets the password, and leaves.
async fn live(world: &World, secrets: &mut Secrets) -> Result<()> {
    let number = random_number();
    let name = unique("Ada");
    secrets.insert(name.clone(), "a name");
    secrets.insert(number.clone(), "a number");
    let post = |path: &str, body: Value| Request::new("POST", format!("/api/auth/{path}")).json(&body);
    let mut keep = |answer: &Answer, pointer: &str, what: &'static str| -> Result<String> {
        let value = answer.text(pointer)?;
        secrets.insert(value.clone(), what);
        Ok(value)
    };
    let sent =
        post("send-signup-otp", json!({ "mobile_number": number })).send(&world.lambda).await?.expect(200)?;
    let otp = keep(&sent, "/otp", "a code")?;
    let wrong = json!({ "mobile_number": number, "otp": "000000", "name": name, "password": PASSWORD });
    post("verify-signup-otp", wrong).send(&world.lambda).await?.expect(400)?;
    let account = json!({ "mobile_number": number, "otp": otp, "name": name, "password": PASSWORD });
    let account = post("verify-signup-otp", account).send(&world.lambda).await?.expect(201)?;
    keep(&account, "/token", "a token")?;
    let refresh_token = keep(&account, "/refresh_token", "a refresh token")?;
    let guess = unique("wrong password");
    post("login", json!({ "mobile_number": number, "password": guess }))
        .send(&world.lambda)
        .await?
        .expect(401)?;
    let renewed =
        post("refresh", json!({ "refresh_token": refresh_token })).send(&world.lambda).await?.expect(200)?;
    let token = keep(&renewed, "/token", "a token")?;
    keep(&renewed, "/refresh_token", "a refresh token")?;
    let ask = |method, path: String| Request::new(method, path).token(&token);

    let (prompt, text) = (unique("system prompt"), unique("what was written"));
    let room = json!({ "name": unique("a room"), "description": unique("about"), "system_prompt": prompt });
    let opened =
        ask("POST", "/api/chatroom".to_owned()).json(&room).send(&world.lambda).await?.expect(201)?;
    let room_id = opened.text("/chatroom/id")?;
    let write = ask("POST", format!("/api/chatroom/{room_id}/message")).json(&json!({ "content": text }));
    let message = write.header("idempotency-key", "clean-logs").send(&world.lambda).await?.expect(201)?;
    let status = format!("/api/chatroom/message/{}/status?wait=20", message.text("/message/id")?);
    let answered = ask("GET", status).send(&world.lambda).await?.expect(200)?;
    let reply = answered.text("/message/reply/content")?;
    let steps = json!([{ "kind": "error", "status": 500 }, { "kind": "error", "status": 400 }]);
    world.tell_gemini("script", &json!({ "match": "this one fails", "steps": steps })).await?;
    let failing = unique("this one fails");
    let write = ask("POST", format!("/api/chatroom/{room_id}/message")).json(&json!({ "content": failing }));
    write.send(&world.lambda).await?.expect(201)?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let searched = unique("searched");
    for path in [
        format!("/api/chatroom/search?q={}", searched.replace(' ', "%20")),
        format!("/api/chatroom/{room_id}"),
        "/api/chatroom".to_owned(),
        "/api/user/me".to_owned(),
        "/api/user/export".to_owned(),
    ] {
        ask("GET", path).send(&world.lambda).await?.expect(200)?;
    }
    let page = json!({ "success_url": "http://localhost/", "cancel_url": "http://localhost/" });
    let opened =
        ask("POST", "/api/subscription/pro".to_owned()).json(&page).send(&world.lambda).await?.expect(200)?;
    let paying = format!("/_control/checkout/{}", opened.text("/session_id")?);
    world.stripe("POST", &paying, &json!({ "card": "4242424242424242" })).await?;
    keep(&opened, "/checkout_url", "the address of a checkout page")?;
    for path in ["/api/subscription/cancel", "/api/subscription/reactivate"] {
        ask("POST", path.to_owned()).send(&world.lambda).await?.expect(200)?;
    }
    let sent =
        post("forgot-password", json!({ "mobile_number": number })).send(&world.lambda).await?.expect(200)?;
    let otp = keep(&sent, "/otp", "a code")?;
    let new_password = unique("a new password");
    let reset = json!({ "mobile_number": number, "otp": otp, "new_password": new_password });
    post("reset-password", reset).send(&world.lambda).await?.expect(200)?;
    let login = json!({ "mobile_number": number, "password": new_password });
    let again = post("login", login).send(&world.lambda).await?.expect(200)?;
    let token = keep(&again, "/token", "a token")?;
    let leave =
        Request::new("DELETE", "/api/user/me").token(&token).json(&json!({ "password": new_password }));
    leave.send(&world.lambda).await?.expect(200)?;
    secrets.extend([
        (guess, "a wrong password"),
        (new_password, "a password"),
        (prompt, "a system prompt"),
        (text, "what was written"),
        (failing, "what was written"),
        (reply, "an answer"),
        (searched, "what was searched for"),
    ]);
    Ok(())
}

/// The logs of functions in a folder, with their names.
fn logs(folder: &Path) -> Result<Vec<(String, String)>> {
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut logs = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_functions = FUNCTIONS.iter().any(|function| name.starts_with(function));
        if is_functions {
            let bytes =
                fs::read(entry.path()).with_context(|| format!("reading {}", entry.path().display()))?;
            logs.push((name, String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
    Ok(logs)
}

/// Looks through the logs of all scenarios, and of the end-to-end tests before them, for what they have in common: the password of everybody, and how tokens begin.
fn others(suite: &Suite) -> Result<(usize, Vec<String>)> {
    let (mut lines, mut found) = (0, Vec::new());
    let worlds = names().into_iter().map(|name| (name, suite.home_of(name).logs()));
    for (name, folder) in worlds.chain([("end-to-end", StackFolder::of_tests().logs())]) {
        if !folder.is_dir() {
            continue;
        }
        for (log, text) in logs(&folder)? {
            lines += text.lines().count();
            for (secret, what) in [(PASSWORD, "a password"), ("eyJ0eXAi", "a token")] {
                if text.contains(secret) {
                    found.push(format!("{name}/{log}: {what}"));
                }
            }
        }
    }
    Ok((lines, found))
}

fn postgres_password(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let (credentials, _) = rest.split_once('@')?;
    Some(credentials.split_once(':')?.1.to_owned()).filter(|password| !password.is_empty())
}
