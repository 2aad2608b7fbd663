//! Chats while Gemini fails at times and workers are killed.

use std::cell::Cell;
use std::time::Duration;

use anyhow::Result;
use futures::future::try_join_all;
use harness::{SentMessage, Suite, TestEnvironment, TestUser};
use serde_json::json;
use tokio::time::sleep;

use crate::{ScenarioResult, stored_state};

const KILL_INTERVAL: Duration = Duration::from_millis(700);

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let (chatrooms, messages, kills, lost) = suite.scale.of((50, 20, 20, 10), (6, 5, 3, 2));
    // No message may fail for repeated faults: that would hide a wrong order.
    let overrides = [("MESSAGE_MAX_ATTEMPTS", "10"), ("GEMINI_BREAKER_FAILURES", "1000")];
    let env = TestEnvironment::start(suite, "order", &overrides).await?;
    // About every seventh call fails, in one of three ways; the others are slow.
    let slow = json!({"kind": "answer", "delay_ms": 300});
    let faults =
        [json!({"kind": "error", "status": 503}), json!({"kind": "cut"}), json!({"kind": "garbage"})];
    let steps: Vec<_> =
        faults.iter().flat_map(|fault| [vec![slow.clone(); 6], vec![fault.clone()]].concat()).collect();
    env.mocks.gemini("script", &json!({"steps": steps, "forever": true})).await?;
    let user = TestUser::sign_up(&env).await?;
    let ids = user.create_chatrooms(&env, chatrooms).await?;
    let mut undelivered = Vec::with_capacity(lost);
    for chatroom in &ids[..lost] {
        undelivered.push(send_and_lose(&env, &user, chatroom).await?);
    }
    env.start_worker().await?;

    let chats = async {
        let chats = ids.iter().map(|chatroom| chat(&env, &user, chatroom, messages));
        let sent = try_join_all(chats).await?.concat();
        let recovery = env.wait_until_all_done(Duration::from_mins(8)).await?;
        anyhow::Ok((sent, recovery))
    };
    let killed = Cell::new(0);
    let kill_workers = async {
        loop {
            sleep(KILL_INTERVAL).await;
            if killed.get() < kills && env.lambda.kill_busy("worker").await {
                killed.set(killed.get() + 1);
            }
        }
    };
    let (sent, recovery) = tokio::select! { done = chats => done?, never = kill_workers => never };

    let sent = [undelivered, sent].concat();
    let mut result = ScenarioResult::new(format!(
        "{chatrooms} chatrooms of {messages} messages, every 7th call failing, the first delivery of {lost} chatrooms lost"
    ));
    let killed = killed.into_inner();
    result.check(killed == kills, || format!("{killed} of {kills} workers were killed while busy"));
    result.observe(format!("{killed} busy workers killed"));
    result.recovery = Some(recovery);
    stored_state::check_answers(&env, &sent, &mut result).await?;
    stored_state::check_order(&env, &mut result).await?;
    Ok(result)
}

/// Sends a message and deletes it from the queue before a worker can receive it.
async fn send_and_lose(env: &TestEnvironment, user: &TestUser, chatroom: &str) -> Result<SentMessage> {
    let sent = user.send_message(env, chatroom).await?;
    let item = env.receive_message(&sent).await?;
    env.delete(&item).await?;
    Ok(sent)
}

async fn chat(
    env: &TestEnvironment,
    user: &TestUser,
    chatroom: &str,
    messages: usize,
) -> Result<Vec<SentMessage>> {
    let mut sent = Vec::with_capacity(messages);
    for _ in 0..messages {
        sent.push(user.send_message(env, chatroom).await?);
    }
    Ok(sent)
}
