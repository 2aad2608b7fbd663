//! Logs contain no secrets: every route is used once at `RUST_LOG=trace`, and again without
//! Postgres and Redis. Then these logs, and those of all scenarios before, are searched.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use stack::StackFolder;
use stack::services::names;
use stack::template::Template;

use crate::prelude::*;
use crate::scenario_names;

/// Texts that no log may contain, and what each is.
type Secrets = BTreeMap<String, &'static str>;

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let overrides = [("RUST_LOG", "trace"), ("OTP_MAX_PER_DAY", "1000000")];
    let run = Run::start(suite, "clean-logs", &overrides).await?;
    run.start_worker().await?;
    let mut secrets = Secrets::new();
    secrets.insert(run.var("JWT_SECRET")?.to_owned(), "the secret of tokens");
    secrets.insert(PASSWORD.to_owned(), "a password");
    secrets.insert(run.var("STRIPE_SECRET_KEY")?.to_owned(), "Stripe's secret key");
    secrets.insert(run.var("STRIPE_WEBHOOK_SECRET")?.to_owned(), "the secret of webhooks");
    let password = postgres_password(run.var("DATABASE_URL")?);
    secrets.insert(password.context("DATABASE_URL has no password")?, "the database's password");
    use_every_route(&run, &mut secrets).await?;
    // Failures are logged with their causes.
    run.redis.set(Mode::Refuse);
    run.postgres.set(Mode::Refuse);
    use_every_route(&run, &mut secrets).await.ok();
    run.redis.set(Mode::Pass);
    run.postgres.set(Mode::Pass);

    let functions = Template::read(suite.home.root())?.binaries();
    let Search { lines, answered, found } = search(&run.home.logs(), &functions, &secrets)?;
    check!(run, found.is_empty(), "{}", found.join(", "));
    // Without this check a search without logs would succeed.
    check!(run, answered >= 15, "only {answered} requests were logged");
    run.observe(format!("{} found in {lines} lines at RUST_LOG=trace", found.len()));
    let Search { lines, found, .. } = search_other_logs(suite, &functions)?;
    check!(run, found.is_empty(), "{}", found.join(", "));
    run.observe(format!("{} found in {lines} lines of the scenarios before", found.len()));
    run.done(format!("{} secrets, codes, tokens, passwords and texts", secrets.len()))
}

async fn use_every_route(run: &Run, secrets: &mut Secrets) -> Result<()> {
    let number = random_number();
    let name = unique("Ada");
    secrets.insert(name.clone(), "a name");
    secrets.insert(number.clone(), "a number");
    let post = async |path: &str, body: Value, status: u16| {
        Request::post(format!("/api/auth/{path}"), &body).send(run).await?.ensure(status)
    };
    let mut keep = |response: &Response, pointer: &str, what: &'static str| -> Result<String> {
        let value = response.string_at(pointer)?;
        secrets.insert(value.clone(), what);
        Ok(value)
    };
    let sent = post("send-signup-otp", json!({ "mobile_number": number }), 200).await?;
    let otp = keep(&sent, "/otp", "a code")?;
    let mut account = json!({ "mobile_number": number, "otp": "000000", "name": name, "password": PASSWORD });
    post("verify-signup-otp", account.clone(), 400).await?;
    account["otp"] = otp.into();
    let account = post("verify-signup-otp", account, 201).await?;
    sign_up_again(run, &number, 400).await?;
    keep(&account, "/token", "a token")?;
    let refresh_token = keep(&account, "/refresh_token", "a refresh token")?;
    let wrong_password = unique("wrong password");
    post("login", json!({ "mobile_number": number, "password": wrong_password }), 401).await?;
    let renewed = post("refresh", json!({ "refresh_token": refresh_token }), 200).await?;
    let token = keep(&renewed, "/token", "a token")?;
    let refresh_token = keep(&renewed, "/refresh_token", "a refresh token")?;
    let user = TestUser { number: number.clone(), token, refresh_token };

    let (prompt, text) = (unique("system prompt"), unique("message text"));
    let chatroom =
        json!({ "name": unique("chatroom"), "description": unique("about"), "system_prompt": prompt });
    let created = user.request("POST", "/api/chatroom").json(&chatroom).send(run).await?.ensure(201)?;
    let chatroom = created.string_at("/chatroom/id")?;
    let message = user.message(&chatroom, &text).header("idempotency-key", "clean-logs");
    let message = message.send(run).await?.ensure(201)?.string_at("/message/id")?;
    let done = user.wait_until_done(run, message).await?;
    let reply = done["reply"]["content"].as_str().context("the message has no answer")?.to_owned();
    let steps = json!([{ "kind": "error", "status": 500 }, { "kind": "error", "status": 400 }]);
    run.mocks.script("this one fails", steps).await?;
    let failing = user.send_text(run, &chatroom, &unique("this one fails")).await?;
    user.wait_until_done(run, failing.id).await?;
    let searched = unique("searched");
    for path in [
        format!("/api/chatroom/search?q={}", searched.replace(' ', "%20")),
        format!("/api/chatroom/{chatroom}"),
        "/api/chatroom".to_owned(),
        "/api/user/me".to_owned(),
        "/api/user/export".to_owned(),
    ] {
        user.request("GET", path).send(run).await?.ensure(200)?;
    }
    let page = json!({ "success_url": "http://localhost/", "cancel_url": "http://localhost/" });
    let opened = user.request("POST", "/api/subscription/pro").json(&page).send(run).await?.ensure(200)?;
    run.mocks.pay(&opened.string_at("/session_id")?).await?;
    keep(&opened, "/checkout_url", "the address of a checkout page")?;
    for path in ["/api/subscription/cancel", "/api/subscription/reactivate"] {
        user.request("POST", path).send(run).await?.ensure(200)?;
    }
    let sent = post("forgot-password", json!({ "mobile_number": number }), 200).await?;
    let otp = keep(&sent, "/otp", "a code")?;
    let new_password = unique("a new password");
    let reset = json!({ "mobile_number": number, "otp": otp, "new_password": new_password });
    post("reset-password", reset, 200).await?;
    let login = post("login", json!({ "mobile_number": number, "password": new_password }), 200).await?;
    let token = keep(&login, "/token", "a token")?;
    let deletion = Request::new("DELETE", "/api/user/me").json(&json!({ "password": new_password }));
    use_operator_routes(run, &number, &new_password).await?;
    deletion.token(&token).send(run).await?.ensure(200)?;
    // What it has used of its quota is inherited.
    sign_up_again(run, &number, 201).await?;
    secrets.extend([
        (wrong_password, "a wrong password"),
        (new_password, "a password"),
        (prompt, "a system prompt"),
        (text, "a message's text"),
        (failing.text, "a message's text"),
        (reply, "an answer"),
        (searched, "a search term"),
    ]);
    Ok(())
}

/// Signs up with a number that has had an account. The conflict is no error of Postgres, whose log
/// would contain the number.
async fn sign_up_again(run: &Run, number: &str, status: u16) -> Result<()> {
    run.empty_redis().await?;
    let code = Request::post("/api/auth/send-signup-otp", &json!({ "mobile_number": number }));
    let otp = code.send(run).await?.ensure(200)?.string_at("/otp")?;
    let account = json!({ "mobile_number": number, "otp": otp, "name": "Ada", "password": PASSWORD });
    Request::post("/api/auth/verify-signup-otp", &account).send(run).await?.ensure(status).map(drop)
}

/// Finds, suspends and restores the account as an operator.
async fn use_operator_routes(run: &Run, number: &str, password: &str) -> Result<()> {
    let operator = TestUser::sign_up(run).await?;
    run.make_admin(&operator).await?;
    let find = operator.request("POST", "/api/user/find").json(&json!({ "mobile_number": number }));
    let id = find.send(run).await?.ensure(200)?.string_at("/account/id")?;
    for (action, status) in [("suspend", 403), ("restore", 200)] {
        let request = operator.request("POST", format!("/api/user/{id}/{action}")).json(&json!({}));
        request.send(run).await?.ensure(200)?;
        let login = json!({ "mobile_number": number, "password": password });
        Request::post("/api/auth/login", &login).send(run).await?.ensure(status)?;
    }
    Ok(())
}

#[derive(Default)]
struct Search {
    lines: usize,
    /// The number of requests in the logs.
    answered: usize,
    /// Each log that contains a secret, and which.
    found: Vec<String>,
}

/// Searches the logs of `functions`, of the event source mapping and of Postgres in a folder.
fn search(folder: &Path, functions: &[String], secrets: &Secrets) -> Result<Search> {
    let mut search = Search::default();
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let services = [names::EVENT_SOURCE_MAPPING, names::POSTGRES];
        if !services.iter().any(|service| name.starts_with(service))
            && !functions.iter().any(|function| name.starts_with(function))
        {
            continue;
        }
        let bytes = fs::read(entry.path()).with_context(|| format!("reading {}", entry.path().display()))?;
        let text = String::from_utf8_lossy(&bytes);
        search.lines += text.lines().count();
        search.answered += text.matches("\"answered\"").count();
        let found = secrets.iter().filter(|(secret, _)| text.contains(secret.as_str()));
        search.found.extend(found.map(|(_, what)| format!("{name}: {what}")));
    }
    Ok(search)
}

/// Searches the logs of the other scenarios and of the end-to-end tests for what all of them use:
/// the password of every user, and the first characters of every token.
fn search_other_logs(suite: &Suite, functions: &[String]) -> Result<Search> {
    let secrets = Secrets::from([(PASSWORD.to_owned(), "a password"), ("eyJ0eXAi".to_owned(), "a token")]);
    let scenarios = scenario_names().into_iter().map(|name| (name, suite.home_of(name).logs()));
    let mut all = Search::default();
    for (name, folder) in scenarios.chain([("end-to-end", StackFolder::of_suite("test").logs())]) {
        if folder.is_dir() {
            let search = search(&folder, functions, &secrets)?;
            all.lines += search.lines;
            all.found.extend(search.found.iter().map(|found| format!("{name}/{found}")));
        }
    }
    Ok(all)
}

fn postgres_password(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let (credentials, _) = rest.split_once('@')?;
    Some(credentials.split_once(':')?.1.to_owned()).filter(|password| !password.is_empty())
}
