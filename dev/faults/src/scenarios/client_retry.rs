//! A client that repeats a request with the same idempotency key: concurrently, later, with another
//! body, and after the function that processed it was killed.

use std::collections::BTreeMap;

use harness::instrumented_instance::SEND;

use crate::prelude::*;

const REQUESTS: usize = 50;
/// Maximum time for which a client has to repeat the request after its function was killed.
const MAX_WAIT: Duration = Duration::from_mins(1);

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let rounds: usize = suite.scale.of(20, 2);
    let run = Run::start(suite, "client-retry", &[]).await?;
    let user = TestUser::sign_up(&run).await?;
    let chatroom = user.create_chatroom(&run).await?;
    for _ in 0..rounds {
        repeat_concurrently(&run, &user, &chatroom).await?;
    }
    run.recovered_within(repeat_after_kill(&run, &user, &chatroom).await?);
    run.observe("1 SIGKILL between COMMIT and the response, then the same request until it succeeds");
    run.done(format!("{rounds} rounds of {REQUESTS} concurrent requests with one key"))
}

fn with_key(user: &TestUser, chatroom: &str, text: &str, key: &str) -> Request {
    user.message(chatroom, text).header("idempotency-key", key)
}

async fn repeat_concurrently(run: &Run, user: &TestUser, chatroom: &str) -> Result<()> {
    let (text, key) = (unique("message"), Uuid::new_v4().to_string());
    let request = with_key(user, chatroom, &text, &key);
    let responses = try_join_all((0..REQUESTS).map(|_| request.send(run))).await?;
    let mut statuses = BTreeMap::new();
    for response in &responses {
        *statuses.entry(response.status.as_u16()).or_insert(0) += 1;
    }
    let are_expected = statuses.keys().all(|status| [201, 409].contains(status));
    check!(run, are_expected && statuses.contains_key(&201), "statuses {statuses:?}");
    let later = request.send(run).await?.ensure(201)?;
    let mut accepted = responses.iter().filter(|response| response.status == 201);
    check!(run, accepted.all(|response| response.body == later.body), "two 201 responses for one key differ");
    let other = with_key(user, chatroom, &unique("another"), &key).send(run).await?;
    check!(run, other.status == 422, "another body with the key got a {}", other.status);
    check_one_row(run, &text).await
}

/// Kills the function after it stored the message; the client repeats the request until it
/// succeeds.
async fn repeat_after_kill(run: &Run, user: &TestUser, chatroom: &str) -> Result<Duration> {
    let (text, key) = (unique("message"), Uuid::new_v4().to_string());
    let request = with_key(user, chatroom, &text, &key);
    let instance = InstrumentedInstance::start(run, "chatroom").await?;
    instance.kill_at(event(&request), instance.pause_aws_at(SEND)).await?;
    let start = Instant::now();
    let response = loop {
        let response = request.send(run).await?;
        if response.status != 409 {
            break response.ensure(201)?;
        }
        ensure!(start.elapsed() < MAX_WAIT, "still in progress after {MAX_WAIT:?}");
        let wait = response.header("retry-after").context("a 409 without Retry-After")?;
        sleep(Duration::from_secs(wait.parse().context("reading Retry-After")?)).await;
    };
    let stored: Uuid = run.db.value("SELECT id FROM messages WHERE content = $1", &[&text]).await?;
    let returned = response.string_at("/message/id")?;
    check!(run, returned == stored.to_string(), "{returned} was returned, {stored} is stored");
    check_one_row(run, &text).await?;
    Ok(start.elapsed())
}

async fn check_one_row(run: &Run, text: &str) -> Result<()> {
    let rows: i64 = run.db.value("SELECT count(*) FROM messages WHERE content = $1", &[&text]).await?;
    run.count(usize::from(rows == 0), usize::try_from((rows - 1).max(0))?);
    Ok(())
}
