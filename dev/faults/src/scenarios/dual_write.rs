//! The function that accepts messages, killed between the database's COMMIT and SQS `SendMessage`.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use harness::instrumented_instance::SEND;
use harness::{InstrumentedInstance, SentMessage, Suite, TestEnvironment, TestUser, event, unique};

use crate::{ScenarioResult, stored_state};

const CONCURRENCY: usize = 4;

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let kills: usize = suite.scale.of(100, 4);
    let env = TestEnvironment::start(suite, "dual-write", &[]).await?;
    let user = TestUser::sign_up(&env).await?;
    let killed = stream::iter(0..kills).map(|_| send_and_kill(&env, &user));
    let sent: Vec<SentMessage> = killed.buffer_unordered(CONCURRENCY).try_collect().await?;
    ensure!(env.receive(1).await?.is_empty(), "a message reached the queue in spite of the kill");

    env.start_worker().await?;
    make_due(&env, kills).await?;
    let start = Instant::now();
    let mut resent = 0;
    for _ in 0..2 {
        resent += env.sweep().await?["resent"].as_u64().unwrap_or_default();
    }
    env.wait_until_all_done(Duration::from_mins(2)).await?;

    let mut result =
        ScenarioResult::new(format!("{kills} SIGKILLs between COMMIT and SendMessage, 2 sweeps"));
    result.recovery = Some(start.elapsed());
    result.check(resent == kills as u64, || format!("{resent} of {kills} were sent again"));
    stored_state::check_answers(&env, &sent, &mut result).await?;
    Ok(result)
}

/// Moves the messages a minute into the past, after which the sweeper resends them.
async fn make_due(env: &TestEnvironment, messages: usize) -> Result<()> {
    const SQL: &str = "UPDATE messages SET created_at = created_at - interval '1 minute',
            updated_at = updated_at - interval '1 minute', sweep_at = sweep_at - interval '1 minute'
        WHERE sweep_at <= created_at + interval '1 minute'";
    let due = env.db.execute(SQL, &[]).await?;
    ensure!(due == messages as u64, "{due} of {messages} messages are due a minute after they were sent");
    Ok(())
}

/// Sends a message whose function is killed before it can put it on the queue.
async fn send_and_kill(env: &TestEnvironment, user: &TestUser) -> Result<SentMessage> {
    let (chatroom, text) = (user.create_chatroom(env).await?, unique("message"));
    let instance = InstrumentedInstance::start(env, "chatroom").await?;
    let request = event(&user.message(&chatroom, &text));
    instance.kill_at(request, instance.pause_aws_at(SEND)).await?;
    let id = env.db.value("SELECT id FROM messages WHERE content = $1", &[&text]).await?;
    Ok(SentMessage { id, text })
}
