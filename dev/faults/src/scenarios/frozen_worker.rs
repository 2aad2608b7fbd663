//! Workers that are stopped (SIGSTOP) just before they store an answer, lose their lease to another
//! worker, and are resumed: only the other worker's answer may be stored.

use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::future::try_join_all;
use harness::instrumented_instance::COMPLETE;
use harness::{InstrumentedInstance, SentMessage, Suite, TestEnvironment, TestUser, unique, wait_until};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{ScenarioResult, stored_state};

const MAX_WAIT: Duration = Duration::from_mins(1);

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let workers: usize = suite.scale.of(20, 3);
    // A long lease, so that the second worker also completes on a busy machine.
    let env = TestEnvironment::start(suite, "frozen-worker", &[("GEMINI_TIMEOUT_MS", "10000")]).await?;
    let user = TestUser::sign_up(&env).await?;
    let sent = try_join_all((0..workers).map(|_| freeze_and_replace(&env, &user))).await?;

    let mut result = ScenarioResult::new(format!(
        "{workers} workers stopped by SIGSTOP before they stored an answer, and resumed once another had the lease"
    ));
    stored_state::check_answers(&env, &sent, &mut result).await?;
    let extra = result.extra_calls;
    result.check(extra <= workers, || format!("{extra} extra calls to Gemini, more than {workers}"));
    let late = "SELECT count(*) FROM messages WHERE message_type = 'ai' AND content = 'late'";
    let late: i64 = env.db.value(late, &[]).await?;
    result.check(late == 0, || format!("{late} answers came from a worker that had lost its lease"));
    Ok(result)
}

async fn freeze_and_replace(env: &TestEnvironment, user: &TestUser) -> Result<SentMessage> {
    let (chatroom, text) = (user.create_chatroom(env).await?, unique("message"));
    // The second worker is still waiting for Gemini when the first one is resumed.
    let steps = json!([
        {"kind": "answer", "text": "late"},
        {"kind": "answer", "text": "in time", "delay_ms": 4_000},
    ]);
    env.mocks.gemini("script", &json!({"match": text, "steps": steps})).await?;
    let sent = user.send_text(env, &chatroom, &text).await?;
    let delivery = env.delivery_of(&[sent.id])?;
    let first = InstrumentedInstance::start(env, "worker").await?;
    let about_to_store = first.pause_postgres_at(&[COMPLETE]);
    let replace = async {
        timeout(MAX_WAIT, about_to_store).await.context("the worker did not store an answer")??;
        first.handle().freeze();
        let resume = async {
            let is_replaced = async || Ok(env.gemini.calls(&text) >= 2);
            wait_until("another worker calls Gemini", MAX_WAIT, is_replaced).await?;
            first.handle().resume();
            anyhow::Ok(())
        };
        tokio::try_join!(redeliver(env, &delivery, &sent), resume)
    };
    let (finished, replaced) = tokio::join!(first.invoke(delivery.clone()), replace);
    replaced.context("replacing the worker")?;
    finished.context("the resumed worker failed")?;
    Ok(sent)
}

/// Delivers the message to other workers until one of them has answered it.
async fn redeliver(env: &TestEnvironment, delivery: &Value, sent: &SentMessage) -> Result<()> {
    let is_answered = async || {
        env.lambda.invoke("worker", delivery.clone()).await?;
        Ok(stored_state::outcome(env, sent.id).await?.starts_with("completed"))
    };
    wait_until("another worker has answered the message", MAX_WAIT, is_answered).await.map(drop)
}
