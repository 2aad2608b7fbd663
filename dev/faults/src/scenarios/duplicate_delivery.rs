//! One message delivered to many workers at once.

use futures::future::join_all;

use crate::prelude::*;

const DELIVERIES: usize = 10;

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let rounds: usize = suite.scale.of(200, 10);
    let run = Run::start(suite, "duplicate-delivery", &[]).await?;
    let user = TestUser::sign_up(&run).await?;
    let chatroom = user.create_chatroom(&run).await?;
    let mut sent = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        sent.push(deliver_concurrently(&run, &user, &chatroom).await?);
    }
    run.wait_until_all_done(Duration::from_secs(10)).await?;

    run.check_answers(&sent).await?;
    check!(run, run.extra_calls() == 0, "Gemini was called more than once for a message");
    let charged: i64 = run.db.value("SELECT sum(messages)::bigint FROM daily_usage", &[]).await?;
    check!(run, usize::try_from(charged) == Ok(rounds), "{charged} quota units for {rounds} messages");
    let is_refused = is_second_answer_refused(&run).await?;
    check!(run, is_refused, "a second answer, inserted without any other guard, was stored");
    run.observe("a second answer inserted without a lease is refused by the schema");
    run.done(format!("{rounds} messages, each delivered {DELIVERIES} times concurrently"))
}

async fn is_second_answer_refused(run: &Run) -> Result<bool> {
    const SQL: &str = "INSERT INTO messages (id, chatroom_id, user_id, position, message_type, content, processing_status,
            reply_to, created_at, updated_at)
        SELECT gen_random_uuid(), chatroom_id, user_id, position + 1000000, 'ai', 'again', 'completed', reply_to, now(), now()
        FROM messages WHERE message_type = 'ai' LIMIT 1";
    match run.db.execute(SQL, &[]).await {
        Ok(inserted) => {
            ensure!(inserted == 1, "there is no answer to insert again");
            Ok(false)
        }
        Err(error) if format!("{error:?}").contains("messages_reply_to_key") => Ok(true),
        Err(error) => Err(error),
    }
}

async fn deliver_concurrently(run: &Run, user: &TestUser, chatroom: &str) -> Result<SentMessage> {
    let sent = user.send_message(run, chatroom).await?;
    let item = run.receive_message(&sent).await?;
    let delivery = run.delivery(std::slice::from_ref(&item))?;
    let deliveries = (0..DELIVERIES).map(|_| run.lambda.invoke("worker", delivery.clone()));
    for delivered in join_all(deliveries).await {
        delivered.context("a worker failed")?;
    }
    run.delete(&item).await?;
    Ok(sent)
}
