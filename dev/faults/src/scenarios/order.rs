//! Chats while Gemini fails at times and workers are killed.

use std::cell::Cell;

use crate::prelude::*;

const KILL_INTERVAL: Duration = Duration::from_millis(700);

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let (chatrooms, messages, kills, lost) = suite.scale.of((50, 20, 20, 10), (6, 5, 3, 2));
    // No message may fail for repeated faults: that would hide a wrong order.
    let overrides = [("MESSAGE_MAX_ATTEMPTS", "10"), ("GEMINI_BREAKER_FAILURES", "1000")];
    let run = Run::start(suite, "order", &overrides).await?;
    // About every seventh call fails, in one of three ways; the others are slow.
    let slow = json!({"kind": "answer", "delay_ms": 300});
    let faults =
        [json!({"kind": "error", "status": 503}), json!({"kind": "cut"}), json!({"kind": "garbage"})];
    let steps: Vec<_> =
        faults.iter().flat_map(|fault| [vec![slow.clone(); 6], vec![fault.clone()]].concat()).collect();
    run.mocks.gemini("script", &json!({"steps": steps, "forever": true})).await?;
    let user = TestUser::sign_up(&run).await?;
    let ids = user.create_chatrooms(&run, chatrooms).await?;
    let mut undelivered = Vec::with_capacity(lost);
    for chatroom in &ids[..lost] {
        undelivered.push(send_and_lose(&run, &user, chatroom).await?);
    }
    run.start_worker().await?;

    let chats = async {
        let chats = ids.iter().map(|chatroom| user.send_messages(&run, chatroom, messages));
        let sent = try_join_all(chats).await?.concat();
        let recovery = run.wait_until_all_done(Duration::from_mins(8)).await?;
        anyhow::Ok((sent, recovery))
    };
    let killed = Cell::new(0);
    let kill_workers = async {
        loop {
            sleep(KILL_INTERVAL).await;
            if killed.get() < kills && run.lambda.kill_busy("worker").await {
                killed.set(killed.get() + 1);
            }
        }
    };
    let (sent, recovery) = tokio::select! { done = chats => done?, never = kill_workers => never };

    let sent = [undelivered, sent].concat();
    let killed = killed.into_inner();
    check!(run, killed == kills, "{killed} of {kills} workers were killed while busy");
    run.observe(format!("{killed} busy workers killed"));
    run.recovered_within(recovery);
    run.check_answers(&sent).await?;
    run.check_order().await?;
    run.done(format!(
        "{chatrooms} chatrooms of {messages} messages, every 7th call failing, the first delivery of {lost} chatrooms lost"
    ))
}

/// Sends a message and deletes it from the queue before a worker can receive it.
async fn send_and_lose(run: &Run, user: &TestUser, chatroom: &str) -> Result<SentMessage> {
    let sent = user.send_message(run, chatroom).await?;
    let item = run.receive_message(&sent).await?;
    run.delete(&item).await?;
    Ok(sent)
}
