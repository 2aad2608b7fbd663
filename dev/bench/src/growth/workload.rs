//! Uses the service as clients do, so that the functions send each of their SQL statements.

use std::time::Duration;

use anyhow::{Context as _, Result};
use harness::proxy::Mode;
use harness::{PASSWORD, Request, TestEnvironment, TestUser, unique, wait_until};
use serde_json::json;
use stack::functions::WORKER;

use super::operators;

/// A bcrypt hash of [`PASSWORD`] as the Node.js service made it. It is replaced at the next login.
const BCRYPT_HASH: &str = "$2b$04$dr29M4136pL.s3UYkS11M.ATr4xrUUye8EnEKRCI4KVyb5ITza7M2";

/// Sends every request of clients and operators, and runs the worker and the sweeper.
pub(super) async fn run(environment: &TestEnvironment) -> Result<()> {
    let user = TestUser::sign_up(environment).await?;
    let message = send_messages(environment, &user).await?;
    get_title(environment, &user).await?;
    use_branches(environment, &user).await?;
    use_ai_sdk(environment, &user).await?;
    stop_answers(environment, &user).await?;
    add_generations(environment).await?;
    read(environment, &user, &message).await?;
    operators::run(environment, &user).await?;
    sign_in_and_leave(environment).await?;
    index_old_messages(environment).await?;
    subscribe(environment).await?;
    exhaust_models(environment, &user).await
}

/// Uses up the daily quota of every model. What is reserved for the next message is released without
/// a call.
async fn exhaust_models(environment: &TestEnvironment, user: &TestUser) -> Result<()> {
    let room = user.create_chatroom(environment).await?;
    let text = unique("exhausted");
    let step = json!({ "kind": "rate_limited", "per_day": true });
    environment.mocks.gemini("script", &json!({ "match": text, "steps": [step], "forever": true })).await?;
    for _ in 0..2 {
        user.send_text(environment, &room, &text).await?;
        environment.wait_until_all_done(Duration::from_secs(30)).await?;
    }
    Ok(())
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

/// Asks in a chatroom without a name, which gets a title.
async fn get_title(environment: &TestEnvironment, user: &TestUser) -> Result<()> {
    const IS_MADE: &str = "SELECT count(*) = 0 FROM chatrooms WHERE title_state IS NOT NULL";
    let room = user.create_unnamed_chatroom(environment).await?;
    user.send_message(environment, &room).await?;
    let is_made = async || environment.db.value(IS_MADE, &[]).await;
    wait_until("the title is made", Duration::from_secs(30), is_made).await.map(drop)
}

/// Edits and regenerates, switches between the branches, and deletes them. The worker renews the lease
/// of a slow answer.
async fn use_branches(environment: &TestEnvironment, user: &TestUser) -> Result<()> {
    let room = user.create_chatroom(environment).await?;
    let slow = unique("slow");
    let delay = json!({ "match": slow, "steps": [{ "kind": "answer", "delay_ms": 1_600 }] });
    environment.mocks.gemini("script", &delay).await?;
    let first = user.send_text(environment, &room, &slow).await?.id;
    environment.wait_until_all_done(Duration::from_secs(30)).await?;
    let message = format!("/api/chatroom/message/{first}");
    user.request("POST", format!("{message}/regenerate")).send(environment).await?.ensure(201)?;
    environment.wait_until_all_done(Duration::from_secs(30)).await?;
    let edit = user.request("POST", format!("{message}/edit")).json(&json!({ "content": "corrected" }));
    let edited = edit.send(environment).await?.ensure(201)?.string_at("/message/id")?;
    environment.wait_until_all_done(Duration::from_secs(30)).await?;
    branch_of(user, &room, &first.to_string()).send(environment).await?.ensure(200)?;
    let next = json!({ "content": "next", "parent_id": edited });
    let send = user.request("POST", format!("/api/chatroom/{room}/message")).json(&next);
    send.send(environment).await?.ensure(201)?;
    environment.wait_until_all_done(Duration::from_secs(30)).await?;
    let answer = user.request("GET", message.clone() + "/status").send(environment).await?.ensure(200)?;
    let answer = answer.string_at("/message/reply/id")?;
    for rating in [json!({ "rating": "down", "comment": "Too long" }), json!({ "rating": null })] {
        let give = user.request("POST", format!("/api/chatroom/message/{answer}/feedback")).json(&rating);
        give.send(environment).await?.ensure(200)?;
    }
    // Each is shown when it is deleted, so that its sibling is looked for.
    for id in [&answer, &edited] {
        branch_of(user, &room, id).send(environment).await?.ensure(200)?;
        let delete = user.request("DELETE", format!("/api/chatroom/message/{id}"));
        delete.send(environment).await?.ensure(200)?;
    }
    Ok(())
}

/// Asks, repeats, edits and resumes as a page with the AI SDK does.
async fn use_ai_sdk(environment: &TestEnvironment, user: &TestUser) -> Result<()> {
    let chat = unique("chat");
    for text in ["a question", "a question", "a corrected question"] {
        let message =
            json!({ "id": "question", "role": "user", "parts": [{ "type": "text", "text": text }] });
        let post = user.request("POST", "/api/chat").json(&json!({ "id": chat, "message": message }));
        post.send(environment).await?.ensure(200)?;
    }
    let resume = user.request("GET", format!("/api/chat/{chat}/stream"));
    resume.send(environment).await?.ensure(204).map(drop)
}

/// Stops answers before their first text: by Redis, and by Postgres while Redis is down.
async fn stop_answers(environment: &TestEnvironment, user: &TestUser) -> Result<()> {
    for mode in [Mode::Pass, Mode::Refuse] {
        let (room, text) = (user.create_chatroom(environment).await?, unique("slow"));
        let delay = json!({ "match": text, "steps": [{ "kind": "answer", "delay_ms": 20_000 }] });
        environment.mocks.gemini("script", &delay).await?;
        let sent = user.send_text(environment, &room, &text).await?;
        let is_called = async || Ok(environment.gemini.calls(&text) > 0);
        wait_until("Gemini is called", Duration::from_secs(30), is_called).await?;
        environment.redis.set(mode);
        let cancel = user.request("POST", format!("/api/chatroom/message/{}/cancel", sent.id));
        cancel.send(environment).await?.ensure(200)?;
        environment.wait_until_all_done(Duration::from_secs(30)).await?;
        environment.redis.set(Mode::Pass);
    }
    Ok(())
}

fn branch_of(user: &TestUser, room: &str, message: &str) -> Request {
    user.request("PUT", format!("/api/chatroom/{room}/branch")).json(&json!({ "message_id": message }))
}

/// Makes messages look as if they were from before the release that introduced generations.
async fn add_generations(environment: &TestEnvironment) -> Result<()> {
    const REMOVE: &str = "DELETE FROM generations WHERE sweep_at IS NULL";
    const RESTART: &str = "UPDATE generation_backfill SET finished_at = NULL";
    environment.db.execute(REMOVE, &[]).await?;
    environment.db.execute(RESTART, &[]).await?;
    environment.sweep().await?;
    environment.sweep().await.map(drop)
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
        "/api/chatroom?limit=1&sort=activity",
        &format!("/api/chatroom/{room}?before=2"),
        &format!("/api/chatroom/message/{message}/status"),
        "/api/chatroom/models",
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
    adopt_customer(environment).await?;
    delete_during_stripe_outage(environment, &user).await
}

/// Creates a subscription at Stripe that names a user without a customer.
async fn adopt_customer(environment: &TestEnvironment) -> Result<()> {
    let user = TestUser::sign_up(environment).await?;
    let id = environment.id_of(&user).await?;
    let mut new = json!({ "metadata": { "user_id": id } });
    let customer = environment.mocks.stripe("POST", "/_control/customers", &new).await?;
    new["customer"] = customer["id"].clone();
    environment.mocks.stripe("POST", "/_control/subscriptions", &new).await?;
    environment.wait_until_pro(&user).await
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
