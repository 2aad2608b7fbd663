//! One message delivered to many workers at once.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::future::join_all;
use harness::{SentMessage, Suite, TestEnvironment, TestUser};

use crate::{ScenarioResult, stored_state};

const DELIVERIES: usize = 10;

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let rounds: usize = suite.scale.of(200, 10);
    let env = TestEnvironment::start(suite, "duplicate-delivery", &[]).await?;
    let user = TestUser::sign_up(&env).await?;
    let chatroom = user.create_chatroom(&env).await?;
    let mut sent = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        sent.push(deliver_concurrently(&env, &user, &chatroom).await?);
    }
    env.wait_until_all_done(Duration::from_secs(10)).await?;

    let mut result =
        ScenarioResult::new(format!("{rounds} messages, each delivered {DELIVERIES} times concurrently"));
    stored_state::check_answers(&env, &sent, &mut result).await?;
    result.check(result.extra_calls == 0, || "Gemini was called more than once for a message".to_owned());
    let charged: i64 = env.db.value("SELECT sum(messages)::bigint FROM daily_usage", &[]).await?;
    result.check(usize::try_from(charged) == Ok(rounds), || {
        format!("{charged} quota units for {rounds} messages")
    });
    result.check(is_second_answer_refused(&env).await?, || {
        "a second answer, inserted without any other guard, was stored".to_owned()
    });
    result.observe("a second answer inserted without a lease is refused by the schema");
    Ok(result)
}

/// Whether the schema alone refuses a second answer to a message.
async fn is_second_answer_refused(env: &TestEnvironment) -> Result<bool> {
    const SQL: &str = "INSERT INTO messages (id, chatroom_id, user_id, position, message_type, content, processing_status,
            reply_to, created_at, updated_at)
        SELECT gen_random_uuid(), chatroom_id, user_id, position + 1000000, 'ai', 'again', 'completed', reply_to, now(), now()
        FROM messages WHERE message_type = 'ai' LIMIT 1";
    match env.db.execute(SQL, &[]).await {
        Ok(inserted) => {
            ensure!(inserted == 1, "there is no answer to insert again");
            Ok(false)
        }
        Err(error) if format!("{error:?}").contains("messages_reply_to_key") => Ok(true),
        Err(error) => Err(error),
    }
}

async fn deliver_concurrently(env: &TestEnvironment, user: &TestUser, chatroom: &str) -> Result<SentMessage> {
    let sent = user.send_message(env, chatroom).await?;
    let item = env.receive_message(&sent).await?;
    let delivery = env.delivery(std::slice::from_ref(&item))?;
    let deliveries = (0..DELIVERIES).map(|_| env.lambda.invoke("worker", delivery.clone()));
    for delivered in join_all(deliveries).await {
        delivered.context("a worker failed")?;
    }
    env.delete(&item).await?;
    Ok(sent)
}
