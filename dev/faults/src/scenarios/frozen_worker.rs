//! Workers that are stopped (SIGSTOP) just before they store an answer, lose their lease to another
//! worker, and are resumed: only the other worker's answer may be stored.

use harness::instrumented_instance::COMPLETE;
use tokio::time::timeout;

use crate::prelude::*;

const MAX_WAIT: Duration = Duration::from_mins(1);

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let workers: usize = suite.scale.of(20, 3);
    // A long lease, so that the second worker also completes on a busy machine.
    let run = Run::start(suite, "frozen-worker", &[("GEMINI_TIMEOUT_MS", "10000")]).await?;
    // A user has at most three answers under way.
    let users = try_join_all((0..workers).map(|_| TestUser::sign_up(&run))).await?;
    let sent = try_join_all(users.iter().map(|user| freeze_and_replace(&run, user))).await?;

    run.check_answers(&sent).await?;
    let extra = run.extra_calls();
    check!(run, extra <= workers, "{extra} extra calls to Gemini, more than {workers}");
    let late = "SELECT count(*) FROM messages WHERE message_type = 'ai' AND content = 'late'";
    let late: i64 = run.db.value(late, &[]).await?;
    check!(run, late == 0, "{late} answers came from a worker that had lost its lease");
    run.done(format!(
        "{workers} workers stopped by SIGSTOP before they stored an answer, and resumed once another had the lease"
    ))
}

async fn freeze_and_replace(run: &Run, user: &TestUser) -> Result<SentMessage> {
    let (chatroom, text) = (user.create_chatroom(run).await?, unique("message"));
    // The second worker is still waiting for Gemini when the first one is resumed.
    let steps = json!([
        {"kind": "answer", "text": "late"},
        {"kind": "answer", "text": "in time", "delay_ms": 4_000},
    ]);
    run.mocks.script(&text, steps).await?;
    let sent = user.send_text(run, &chatroom, &text).await?;
    let delivery = run.delivery_of(&[sent.id])?;
    let first = InstrumentedInstance::start(run, "worker").await?;
    let about_to_store = first.pause_postgres_at(&[COMPLETE]);
    let replace = async {
        timeout(MAX_WAIT, about_to_store).await.context("the worker did not store an answer")??;
        first.handle().freeze();
        let resume = async {
            let is_replaced = async || Ok(run.gemini.calls(&text) >= 2);
            wait_until("another worker calls Gemini", MAX_WAIT, is_replaced).await?;
            first.handle().resume();
            anyhow::Ok(())
        };
        tokio::try_join!(redeliver(run, &delivery, &sent), resume)
    };
    let (finished, replaced) = tokio::join!(first.invoke(delivery.clone()), replace);
    replaced.context("replacing the worker")?;
    finished.context("the resumed worker failed")?;
    Ok(sent)
}

/// Delivers the message to other workers until one of them has answered it.
async fn redeliver(run: &Run, delivery: &Value, sent: &SentMessage) -> Result<()> {
    let is_answered = async || {
        run.lambda.invoke("worker", delivery.clone()).await?;
        Ok(run.outcome(sent.id).await?.starts_with("completed"))
    };
    wait_until("another worker has answered the message", MAX_WAIT, is_answered).await.map(drop)
}
