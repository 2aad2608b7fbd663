//! Uses the service as clients do, so that the functions send each of their SQL statements.

use std::time::Duration;

use anyhow::{Context as _, Result};
use harness::{PASSWORD, Request, TestEnvironment, TestUser, unique};
use serde_json::json;
use stack::functions::WORKER;

use super::operators;

/// A bcrypt hash of [`PASSWORD`] as the Node.js service made it. It is replaced at the next login.
const BCRYPT_HASH: &str = "$2b$04$dr29M4136pL.s3UYkS11M.ATr4xrUUye8EnEKRCI4KVyb5ITza7M2";

/// Sends every request of clients and operators, and runs the worker and the sweeper.
pub(super) async fn run(environment: &TestEnvironment) -> Result<()> {
    let user = TestUser::sign_up(environment).await?;
    let message = send_messages(environment, &user).await?;
    read(environment, &user, &message).await?;
    operators::run(environment, &user).await?;
    sign_in_and_leave(environment).await?;
    index_old_messages(environment).await?;
    subscribe(environment).await
}

/// Sends messages and returns the id of an answered one.
async fn send_messages(environment: &TestEnvironment, user: &TestUser) -> Result<String> {
    let room = user.create_chatroom(environment).await?;
    let rename = user.request("PATCH", format!("/api/chatroom/{room}")).json(&json!({ "name": "Another" }));
    rename.send(environment).await?.ensure(200)?;
    let cancelled = user.send_message(environment, &room).await?.id;
    let cancel = user.request("POST", format!("/api/chatroom/message/{cancelled}/cancel"));
    cancel.send(environment).await?.ensure(200)?;
    environment.start_worker().await?;
    // Gemini fails once, so that the worker retries.
    let text = unique("stumble");
    let error = json!({ "match": text, "steps": [{ "kind": "error", "status": 503 }] });
    environment.mocks.gemini("script", &error).await?;
    let sent = user.send_text(environment, &room, &text).await?;
    // Gemini withholds an answer, whose tokens count.
    let withheld = unique("withheld");
    let block = json!({ "match": withheld, "steps": [{ "kind": "blocked_answer" }] });
    environment.mocks.gemini("script", &block).await?;
    user.send_text(environment, &room, &withheld).await?;
    environment.wait_until_all_done(Duration::from_secs(30)).await?;
    let duplicate = environment.delivery_of(&[sent.id])?;
    environment.lambda.invoke(WORKER, duplicate).await.context("a duplicate delivery")?;
    let emptied = user.create_chatroom(environment).await?;
    user.request("DELETE", format!("/api/chatroom/{emptied}")).send(environment).await?.ensure(200)?;
    Ok(sent.id.to_string())
}

/// Makes messages look as if they were from before the release that introduced search tokens.
async fn index_old_messages(environment: &TestEnvironment) -> Result<()> {
    const REMOVE: &str = "UPDATE messages SET search_tokens = NULL, created_at = now() - interval '2 hours'";
    const RESTART: &str = "UPDATE search_backfill SET finished_at = NULL, until = now() - interval '2 hours'";
    environment.db.execute(REMOVE, &[]).await?;
    environment.db.execute(RESTART, &[]).await?;
    environment.sweep().await.map(drop)
}

/// Reads everything that an account has.
async fn read(environment: &TestEnvironment, user: &TestUser, message: &str) -> Result<()> {
    let list = user.request("GET", "/api/chatroom").send(environment).await?.ensure(200)?;
    let room = list.string_at("/chatrooms/0/id")?;
    for path in [
        &format!("/api/chatroom?limit=1&cursor={room}"),
        &format!("/api/chatroom/{room}?before=2"),
        &format!("/api/chatroom/message/{message}/status"),
        "/api/chatroom/search?q=stumble",
        "/api/user/me",
        "/api/user/stats",
        "/api/user/usage",
        "/api/user/export",
        "/api/auth/sessions",
        "/api/queue/status",
        "/health?deep=true",
    ] {
        user.request("GET", path).send(environment).await?.ensure(200)?;
    }
    let rename = user.request("PUT", "/api/user/me").json(&json!({ "name": "Ada King" }));
    rename.send(environment).await?.ensure(200).map(drop)
}

/// Signs in and out, changes the password, and deletes the account.
async fn sign_in_and_leave(environment: &TestEnvironment) -> Result<()> {
    const SET_HASH: &str = "UPDATE users SET password_hash = $2 WHERE mobile_number = $1";
    const NEW_PASSWORD: &str = "a wholly new password";
    let user = TestUser::sign_up(environment).await?;
    let number = &user.number;
    let refresh = |token: &str| Request::post("/api/auth/refresh", &json!({ "refresh_token": token }));
    let next = refresh(&user.refresh_token).send(environment).await?.ensure(200)?;
    refresh(&next.string_at("/refresh_token")?).send(environment).await?.ensure(200)?;
    // The reuse of a refresh token whose successor was used.
    refresh(&user.refresh_token).send(environment).await?.ensure(401)?;
    environment.db.execute(SET_HASH, &[number, &BCRYPT_HASH]).await?;
    let login = Request::post("/api/auth/login", &json!({ "mobile_number": number, "password": PASSWORD }));
    let token = login.send(environment).await?.ensure(200)?.string_at("/token")?;
    let passwords = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
    let change = Request::post("/api/auth/change-password", &passwords).token(&token);
    change.send(environment).await?.ensure(200)?;
    let logout = Request::post("/api/auth/logout", &json!({ "scope": "all" })).token(&token);
    logout.send(environment).await?.ensure(200)?;
    let forgot = Request::post("/api/auth/forgot-password", &json!({ "mobile_number": number }));
    let otp = forgot.send(environment).await?.ensure(200)?.string_at("/otp")?;
    let reset = json!({ "mobile_number": number, "otp": otp, "new_password": PASSWORD });
    Request::post("/api/auth/reset-password", &reset).send(environment).await?.ensure(200)?;
    let token = login.send(environment).await?.ensure(200)?.string_at("/token")?;
    let delete = Request::new("DELETE", "/api/user/me").token(&token).json(&json!({ "password": PASSWORD }));
    delete.send(environment).await?.ensure(200).map(drop)
}

/// Subscribes to Pro, cancels, and reactivates.
async fn subscribe(environment: &TestEnvironment) -> Result<()> {
    let user = TestUser::sign_up(environment).await?;
    environment.pay_for_pro(&user).await?;
    environment.wait_until_pro(&user).await?;
    for path in ["/api/subscription/status", "/api/subscription/plans"] {
        user.request("GET", path).send(environment).await?.ensure(200)?;
    }
    for path in ["/api/subscription/cancel", "/api/subscription/reactivate"] {
        user.request("POST", path).json(&json!({})).send(environment).await?.ensure(200)?;
    }
    let portal = json!({ "return_url": "http://localhost/" });
    user.request("POST", "/api/subscription/portal").json(&portal).send(environment).await?.ensure(200)?;
    operators::reconcile(environment).await?;
    delete_during_stripe_outage(environment, &user).await
}

/// Deletes an account while Stripe is down. The sweeper cancels its subscription afterwards.
async fn delete_during_stripe_outage(environment: &TestEnvironment, user: &TestUser) -> Result<()> {
    const DELETE: &str = "UPDATE users SET mobile_number = NULL, deleted_at = now() - interval '1 hour'
        WHERE mobile_number = $1";
    const MAKE_DUE: &str = "UPDATE subscriptions SET review_at = now()";
    environment.db.execute(DELETE, &[&user.number]).await?;
    for faults in [vec![json!({ "fault": "status", "status": 500 }); 10], Vec::new()] {
        environment.mocks.stripe("POST", "/_control/faults", &json!(faults)).await?;
        environment.db.execute(MAKE_DUE, &[]).await?;
        environment.sweep().await?;
    }
    // The last sweeps find nothing to do.
    for _ in 0..3 {
        environment.sweep().await?;
    }
    Ok(())
}
