//! The function that accepts messages, killed between the database's COMMIT and SQS `SendMessage`.

use harness::instrumented_instance::SEND;

use crate::prelude::*;

const CONCURRENCY: usize = 4;

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let kills: usize = suite.scale.of(100, 4);
    let run = Run::start(suite, "dual-write", &[]).await?;
    let user = TestUser::sign_up(&run).await?;
    let killed = stream::iter(0..kills).map(|_| send_and_kill(&run, &user));
    let sent: Vec<SentMessage> = killed.buffer_unordered(CONCURRENCY).try_collect().await?;
    ensure!(run.receive(1).await?.is_empty(), "a message reached the queue in spite of the kill");

    run.start_worker().await?;
    make_due(&run, kills).await?;
    let start = Instant::now();
    let mut resent = 0;
    for _ in 0..2 {
        resent += run.sweep().await?["resent"].as_u64().unwrap_or_default();
    }
    run.wait_until_all_done(Duration::from_mins(2)).await?;

    run.recovered_within(start.elapsed());
    check!(run, resent == kills as u64, "{resent} of {kills} were sent again");
    run.check_answers(&sent).await?;
    run.done(format!("{kills} SIGKILLs between COMMIT and SendMessage, 2 sweeps"))
}

async fn make_due(run: &Run, messages: usize) -> Result<()> {
    const SQL: &str = "UPDATE messages SET created_at = created_at - interval '1 minute',
            updated_at = updated_at - interval '1 minute', sweep_at = sweep_at - interval '1 minute'
        WHERE sweep_at <= created_at + interval '1 minute'";
    let due = run.db.execute(SQL, &[]).await?;
    ensure!(due == messages as u64, "{due} of {messages} messages are due a minute after they were sent");
    Ok(())
}

async fn send_and_kill(run: &Run, user: &TestUser) -> Result<SentMessage> {
    let (chatroom, text) = (user.create_chatroom(run).await?, unique("message"));
    let instance = InstrumentedInstance::start(run, "chatroom").await?;
    let request = event(&user.message(&chatroom, &text));
    instance.kill_at(request, instance.pause_aws_at(SEND)).await?;
    let id = run.db.value("SELECT id FROM messages WHERE content = $1", &[&text]).await?;
    Ok(SentMessage { id, text })
}
