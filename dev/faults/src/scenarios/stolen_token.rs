//! A refresh token that is used twice: in turn, and twenty times concurrently.

use anyhow::Result;
use futures::future::try_join_all;
use harness::{Request, Suite, TestEnvironment, TestUser};
use serde_json::json;

use crate::ScenarioResult;

const REQUESTS: usize = 20;

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let rounds: usize = suite.scale.of(20, 3);
    let env = TestEnvironment::start(suite, "stolen-token", &[]).await?;
    let mut result = ScenarioResult::new(format!("{rounds} replays, {rounds} races of {REQUESTS}"));
    for _ in 0..rounds {
        let user = TestUser::sign_up(&env).await?;
        let renewed = refresh(&user.refresh_token).send(&env).await?.ensure(200)?;
        let replayed = refresh(&user.refresh_token).send(&env).await?.status;
        result.check(replayed == 401, || format!("a replay got a {replayed}"));
        check_refused(&env, &renewed.string_at("/token")?, "after a replay", &mut result).await?;
        let next = refresh(&renewed.string_at("/refresh_token")?).send(&env).await?.status;
        result.check(next == 401, || format!("the session continues after a replay: {next}"));

        let user = TestUser::sign_up(&env).await?;
        let race = refresh(&user.refresh_token);
        let responses = try_join_all((0..REQUESTS).map(|_| race.send(&env))).await?;
        let renewed: Vec<_> = responses.iter().filter(|response| response.status == 200).collect();
        result.check(renewed.len() == 1, || format!("{} requests of a race succeeded", renewed.len()));
        for response in renewed {
            check_refused(&env, &response.string_at("/token")?, "after a race", &mut result).await?;
        }
    }
    let sessions: i64 = env.db.value("SELECT count(*) FROM sessions", &[]).await?;
    result.check(sessions == 0, || format!("{sessions} sessions remain"));
    Ok(result)
}

fn refresh(token: &str) -> Request {
    Request::post("/api/auth/refresh", &json!({ "refresh_token": token }))
}

async fn check_refused(
    env: &TestEnvironment,
    token: &str,
    when: &str,
    result: &mut ScenarioResult,
) -> Result<()> {
    let response = Request::new("GET", "/api/user/me").token(token).send(env).await?;
    result.check(response.status == 401, || format!("{when} the token got a {}", response.status));
    Ok(())
}
