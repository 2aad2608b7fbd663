//! Uses the service as clients do, so that the functions send each of their SQL statements.

use std::time::Duration;

use anyhow::{Context as _, Result};
use harness::{PASSWORD, Request, TestEnvironment, TestUser, unique};
use serde_json::json;
use stack::functions::WORKER;

use super::http::{post, send};
use super::operators;

/// Timeout of the answers to all messages.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A bcrypt hash of [`PASSWORD`] as the Node.js service made it. It is replaced at the next login.
const BCRYPT_HASH: &str = "$2b$04$dr29M4136pL.s3UYkS11M.ATr4xrUUye8EnEKRCI4KVyb5ITza7M2";

/// Sends every request of clients and operators, and runs the worker and the sweeper.
pub(super) async fn run(environment: &TestEnvironment) -> Result<()> {
    let user = TestUser::sign_up(environment).await?;
    let message = send_messages(environment, &user).await?;
    read(environment, &user, &message).await?;
    operators::run(environment, &user).await?;
    sign_in_and_leave(environment).await?;
    subscribe(environment).await
}

/// Sends messages and returns the id of an answered one.
async fn send_messages(environment: &TestEnvironment, user: &TestUser) -> Result<String> {
    let room = user.create_chatroom(environment).await?;
    let rename = user.request("PATCH", format!("/api/chatroom/{room}")).json(&json!({ "name": "Another" }));
    send(environment, rename, 200).await?;
    let cancelled = user.send_message(environment, &room).await?.id;
    send(environment, user.request("POST", format!("/api/chatroom/message/{cancelled}/cancel")), 200).await?;
    environment.start_worker().await?;
    // Gemini fails once, so that the worker retries.
    let text = unique("stumble");
    let error = json!({ "match": text, "steps": [{ "kind": "error", "status": 503 }] });
    environment.mocks.gemini("script", &error).await?;
    let sent = user.send_text(environment, &room, &text).await?;
    environment.wait_until_all_done(TIMEOUT).await?;
    environment
        .lambda
        .invoke(WORKER, environment.delivery_of(&[sent.id])?)
        .await
        .context("a duplicate delivery")?;
    let emptied = user.create_chatroom(environment).await?;
    send(environment, user.request("DELETE", format!("/api/chatroom/{emptied}")), 200).await?;
    Ok(sent.id.to_string())
}

/// Reads everything that an account has.
async fn read(environment: &TestEnvironment, user: &TestUser, message: &str) -> Result<()> {
    let list = send(environment, user.request("GET", "/api/chatroom"), 200).await?;
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
        send(environment, user.request("GET", path), 200).await?;
    }
    let rename = user.request("PUT", "/api/user/me").json(&json!({ "name": "Ada King" }));
    send(environment, rename, 200).await.map(drop)
}

/// Signs in and out, changes the password, and deletes the account.
async fn sign_in_and_leave(environment: &TestEnvironment) -> Result<()> {
    const SET_HASH: &str = "UPDATE users SET password_hash = $2 WHERE mobile_number = $1";
    const NEW_PASSWORD: &str = "a wholly new password";
    let user = TestUser::sign_up(environment).await?;
    let number = &user.number;
    let refresh = post("/api/auth/refresh", &json!({ "refresh_token": user.refresh_token }));
    send(environment, refresh.clone(), 200).await?;
    // The reuse of a refresh token.
    send(environment, refresh, 401).await?;
    environment.db.execute(SET_HASH, &[number, &BCRYPT_HASH]).await?;
    let login = post("/api/auth/login", &json!({ "mobile_number": number, "password": PASSWORD }));
    let token = send(environment, login.clone(), 200).await?.string_at("/token")?;
    let passwords = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
    send(environment, post("/api/auth/change-password", &passwords).token(&token), 200).await?;
    send(environment, post("/api/auth/logout", &json!({ "scope": "all" })).token(&token), 200).await?;
    let forgot = post("/api/auth/forgot-password", &json!({ "mobile_number": number }));
    let otp = send(environment, forgot, 200).await?.string_at("/otp")?;
    let reset = json!({ "mobile_number": number, "otp": otp, "new_password": PASSWORD });
    send(environment, post("/api/auth/reset-password", &reset), 200).await?;
    let token = send(environment, login, 200).await?.string_at("/token")?;
    let delete = Request::new("DELETE", "/api/user/me").token(&token).json(&json!({ "password": PASSWORD }));
    send(environment, delete, 200).await.map(drop)
}

/// Subscribes to Pro, cancels, and reactivates.
async fn subscribe(environment: &TestEnvironment) -> Result<()> {
    let user = TestUser::sign_up(environment).await?;
    environment.pay_for_pro(&user).await?;
    environment.wait_until_pro(&user).await?;
    for path in ["/api/subscription/status", "/api/subscription/plans"] {
        send(environment, user.request("GET", path), 200).await?;
    }
    for path in ["/api/subscription/cancel", "/api/subscription/reactivate"] {
        send(environment, user.request("POST", path).json(&json!({})), 200).await?;
    }
    let portal = json!({ "return_url": "http://localhost/" });
    send(environment, user.request("POST", "/api/subscription/portal").json(&portal), 200).await?;
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
