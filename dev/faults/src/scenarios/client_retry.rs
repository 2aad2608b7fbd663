//! A client that repeats a request with the same idempotency key: concurrently, later, with another
//! body, and after the function that processed it was killed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use harness::instrumented_instance::SEND;
use harness::{InstrumentedInstance, Request, Suite, TestEnvironment, TestUser, event, unique};
use tokio::time::sleep;
use uuid::Uuid;

use crate::ScenarioResult;

const REQUESTS: usize = 50;
/// Maximum time for which a client has to repeat the request after its function was killed.
const MAX_WAIT: Duration = Duration::from_mins(1);

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let rounds: usize = suite.scale.of(20, 2);
    let env = TestEnvironment::start(suite, "client-retry", &[]).await?;
    let user = TestUser::sign_up(&env).await?;
    let chatroom = user.create_chatroom(&env).await?;
    let mut result =
        ScenarioResult::new(format!("{rounds} rounds of {REQUESTS} concurrent requests with one key"));
    for _ in 0..rounds {
        repeat_concurrently(&env, &user, &chatroom, &mut result).await?;
    }
    result.recovery = Some(repeat_after_kill(&env, &user, &chatroom, &mut result).await?);
    result.observe("1 SIGKILL between COMMIT and the response, then the same request until it succeeds");
    Ok(result)
}

fn with_key(user: &TestUser, chatroom: &str, text: &str, key: &str) -> Request {
    user.message(chatroom, text).header("idempotency-key", key)
}

async fn repeat_concurrently(
    env: &TestEnvironment,
    user: &TestUser,
    chatroom: &str,
    result: &mut ScenarioResult,
) -> Result<()> {
    let (text, key) = (unique("message"), Uuid::new_v4().to_string());
    let request = with_key(user, chatroom, &text, &key);
    let responses = try_join_all((0..REQUESTS).map(|_| request.send(env))).await?;
    let mut statuses = BTreeMap::new();
    for response in &responses {
        *statuses.entry(response.status.as_u16()).or_insert(0) += 1;
    }
    let are_expected = statuses.keys().all(|status| [201, 409].contains(status));
    result.check(are_expected && statuses.contains_key(&201), || format!("statuses {statuses:?}"));
    let later = request.send(env).await?.ensure(201)?;
    let mut accepted = responses.iter().filter(|response| response.status == 201);
    result.check(accepted.all(|response| response.body == later.body), || {
        "two 201 responses for one key differ".to_owned()
    });
    let other = with_key(user, chatroom, &unique("another"), &key).send(env).await?;
    result.check(other.status == 422, || format!("another body with the key got a {}", other.status));
    check_one_row(env, &text, result).await
}

/// Kills the function after it stored the message; the client repeats the request until it
/// succeeds.
async fn repeat_after_kill(
    env: &TestEnvironment,
    user: &TestUser,
    chatroom: &str,
    result: &mut ScenarioResult,
) -> Result<Duration> {
    let (text, key) = (unique("message"), Uuid::new_v4().to_string());
    let request = with_key(user, chatroom, &text, &key);
    let instance = InstrumentedInstance::start(env, "chatroom").await?;
    instance.kill_at(event(&request), instance.pause_aws_at(SEND)).await?;
    let start = Instant::now();
    let response = loop {
        let response = request.send(env).await?;
        if response.status != 409 {
            break response.ensure(201)?;
        }
        ensure!(start.elapsed() < MAX_WAIT, "still in progress after {MAX_WAIT:?}");
        let wait = response.header("retry-after").context("a 409 without Retry-After")?;
        sleep(Duration::from_secs(wait.parse().context("reading Retry-After")?)).await;
    };
    let stored: Uuid = env.db.value("SELECT id FROM messages WHERE content = $1", &[&text]).await?;
    let returned = response.string_at("/message/id")?;
    result.check(returned == stored.to_string(), || format!("{returned} was returned, {stored} is stored"));
    check_one_row(env, &text, result).await?;
    Ok(start.elapsed())
}

async fn check_one_row(env: &TestEnvironment, text: &str, result: &mut ScenarioResult) -> Result<()> {
    let rows: i64 = env.db.value("SELECT count(*) FROM messages WHERE content = $1", &[&text]).await?;
    result.count(usize::from(rows == 0), usize::try_from((rows - 1).max(0))?);
    Ok(())
}
