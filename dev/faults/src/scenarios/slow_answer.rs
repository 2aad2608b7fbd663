//! A slow answer in a batch beside quick ones, whose chatrooms go on meanwhile.

use crate::prelude::*;

/// Chatrooms, each of another user: one full batch.
const ROOMS: usize = 10;
const BATCH_SIZES: [usize; 2] = [1, 10];
const SLOW: Duration = Duration::from_secs(15);
/// Longer than the slow answer: a finished delivery is not visible again before it.
const LEASE_MS: &str = "20000";

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let timeout = (SLOW * 2).as_millis().to_string();
    let overrides = [("GEMINI_TIMEOUT_MS", timeout.as_str()), ("WORKER_LEASE_MS", LEASE_MS)];
    let run = Run::start(suite, "slow-answer", &overrides).await?;
    for batch_size in BATCH_SIZES {
        measure(&run, batch_size).await?;
    }
    run.check_invariants().await?;
    run.done(format!("a slow answer and {} quick ones at once, in batches of one and of ten", ROOMS - 1))
}

/// Sends a message in each chatroom, the first of them with a slow answer, and a second message
/// after each quick answer. The second ones must be answered before the slow answer is there.
async fn measure(run: &Run, batch_size: usize) -> Result<()> {
    let slow = unique("slow");
    let step = json!({"kind": "slow", "delay_ms": SLOW.as_millis()});
    run.mocks.gemini("script", &json!({"match": slow, "steps": [step]})).await?;
    let mut chats = Vec::with_capacity(ROOMS);
    for number in 0..ROOMS {
        let user = TestUser::sign_up(run).await?;
        let room = user.create_chatroom(run).await?;
        let text = if number == 0 { slow.clone() } else { unique("quick") };
        let message = user.send_text(run, &room, &text).await?;
        chats.push((user, room, message.id));
    }
    run.start_worker_with_batch_size(batch_size).await?;
    let quick = chats.get(1..).unwrap_or_default().iter();
    let waits = try_join_all(quick.map(async |(user, room, first)| {
        wait_for_answer(run, *first).await?;
        let sent = Instant::now();
        let second = user.send_message(run, room).await?;
        wait_for_answer(run, second.id).await?;
        anyhow::Ok(sent.elapsed())
    }));
    let mut waits = waits.await?;
    let slow_outcome = run.outcome(chats[0].2).await?;
    check!(
        run,
        slow_outcome.starts_with("processing"),
        "in batches of {batch_size}, the second messages waited for the slow answer"
    );
    waits.sort_unstable();
    run.observe(format!(
        "batches of {batch_size}: the second messages were answered after {} ms at most, {} ms in the median",
        waits.last().map_or(0, Duration::as_millis),
        waits.get(waits.len() / 2).map_or(0, Duration::as_millis),
    ));
    run.wait_until_all_done(Duration::from_mins(1)).await?;
    run.stop_worker().await
}

async fn wait_for_answer(run: &Run, message: Uuid) -> Result<()> {
    let is_answered = async || Ok(run.outcome(message).await?.starts_with("completed"));
    wait_until("a quick answer", Duration::from_mins(1), is_answered).await.map(drop)
}
