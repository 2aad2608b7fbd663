//! Every route that takes an id, with the ids of another user's objects.

use anyhow::Result;
use harness::{Suite, TestEnvironment, TestUser, routes};

use crate::ScenarioResult;

const UNKNOWN_ID: &str = "018f0000-0000-7000-8000-000000000001";

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let env = TestEnvironment::start(suite, "isolation", &[]).await?;
    let (owner, other) = (TestUser::sign_up(&env).await?, TestUser::sign_up(&env).await?);
    let chatroom = owner.create_chatroom(&env).await?;
    let message = owner.send_message(&env, &chatroom).await?.id.to_string();
    let sessions = owner.request("GET", "/api/auth/sessions").send(&env).await?.ensure(200)?;
    let ids = [chatroom, message, sessions.string_at("/sessions/0/id")?];
    let before = stored(&env).await?;
    let routes = routes::read(suite.home.root())?;
    let (mut sent, mut with_id) = (0, 0);
    let mut result = ScenarioResult::new(String::new());
    for route in routes.iter().filter(|route| route.path.contains("{id}")) {
        with_id += 1;
        for id in &ids {
            let foreign = route.request(id).token(&other.token).send(&env).await?;
            let unknown = route.request(UNKNOWN_ID).token(&other.token).send(&env).await?;
            let expected = if route.for_operators { 403 } else { 404 };
            let is_same = foreign.body["detail"] == unknown.body["detail"];
            result.check(foreign.status == expected && unknown.status == expected && is_same, || {
                format!(
                    "{} {}: {} for another user's id, {} for an unknown id",
                    route.method, route.path, foreign.status, unknown.status
                )
            });
            sent += 1;
        }
    }
    result.check(sent >= 30, || format!("only {sent} requests were sent"));
    result.check(stored(&env).await? == before, || "an object of the owner was changed".to_owned());
    result.actions = format!(
        "{with_id} routes, {} ids of another user on each: {sent} answered as for unknown ids",
        ids.len()
    );
    Ok(result)
}

/// A digest of everything that users own.
async fn stored(env: &TestEnvironment) -> Result<String> {
    const SQL: &str = "SELECT coalesce(md5(string_agg(line, ';' ORDER BY line)), '') FROM (
        SELECT m::text AS line FROM messages m UNION ALL SELECT c::text FROM chatrooms c
        UNION ALL SELECT d::text FROM daily_usage d UNION ALL SELECT s::text FROM sessions s) lines";
    env.db.value(SQL, &[]).await
}
