//! Many senders in many chatrooms without any fault: the baseline of all other scenarios.

use crate::prelude::*;

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let (senders, chatrooms, messages) = suite.scale.of((20, 10, 20), (4, 2, 10));
    let run = Run::start(suite, "accepted", &[]).await?;
    run.start_worker().await?;
    let start = Instant::now();
    let sent = try_join_all((0..senders).map(|_| chat(&run, chatrooms, messages))).await?.concat();
    run.wait_until_all_done(Duration::from_mins(10)).await?;
    let seconds = start.elapsed().as_secs_f64();

    run.observe(format!("{:.0} a second", f64::from(u32::try_from(sent.len())?) / seconds));
    run.check_answers(&sent).await?;
    check!(run, run.extra_calls() == 0, "Gemini was called more than once for a message");
    run.check_order().await?;
    run.done(format!(
        "{} messages of {senders} senders in {} chatrooms, 5 workers",
        sent.len(),
        senders * chatrooms
    ))
}

/// Sends one user's messages to each of the chatrooms in turn.
async fn chat(run: &Run, chatrooms: usize, messages: usize) -> Result<Vec<SentMessage>> {
    let user = TestUser::sign_up(run).await?;
    let chatrooms = user.create_chatrooms(run, chatrooms).await?;
    let mut sent = Vec::new();
    for _ in 0..messages {
        for chatroom in &chatrooms {
            sent.push(user.send_message(run, chatroom).await?);
        }
    }
    Ok(sent)
}
