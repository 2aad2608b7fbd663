//! Many senders in many chatrooms without any fault: the baseline of all other scenarios.

use std::time::{Duration, Instant};

use anyhow::Result;
use futures::future::try_join_all;
use harness::{SentMessage, Suite, TestEnvironment, TestUser};

use crate::{ScenarioResult, stored_state};

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let (senders, chatrooms, messages) = suite.scale.of((20, 10, 20), (4, 2, 10));
    let env = TestEnvironment::start(suite, "accepted", &[]).await?;
    env.start_worker().await?;
    let start = Instant::now();
    let sent = try_join_all((0..senders).map(|_| chat(&env, chatrooms, messages))).await?.concat();
    env.wait_until_all_done(Duration::from_mins(10)).await?;
    let seconds = start.elapsed().as_secs_f64();

    let mut result = ScenarioResult::new(format!(
        "{} messages of {senders} senders in {} chatrooms, 5 workers",
        sent.len(),
        senders * chatrooms
    ));
    result.observe(format!("{:.0} a second", f64::from(u32::try_from(sent.len())?) / seconds));
    stored_state::check_answers(&env, &sent, &mut result).await?;
    result.check(result.extra_calls == 0, || "Gemini was called more than once for a message".to_owned());
    stored_state::check_order(&env, &mut result).await?;
    Ok(result)
}

/// Sends one user's messages to each of the chatrooms in turn.
async fn chat(env: &TestEnvironment, chatrooms: usize, messages: usize) -> Result<Vec<SentMessage>> {
    let user = TestUser::sign_up(env).await?;
    let chatrooms = user.create_chatrooms(env, chatrooms).await?;
    let mut sent = Vec::new();
    for _ in 0..messages {
        for chatroom in &chatrooms {
            sent.push(user.send_message(env, chatroom).await?);
        }
    }
    Ok(sent)
}
