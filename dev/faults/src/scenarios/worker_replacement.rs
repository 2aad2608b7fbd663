//! How soon another worker takes over the answers of a killed one: a lease later, although the queue's
//! visibility timeout is that of production, which must exceed the timeout of the function.

use crate::prelude::*;

/// The environment's `WORKER_LEASE_MS`, which workers renew while Gemini writes.
const LEASE: Duration = Duration::from_secs(4);
/// The queue's visibility timeout, in seconds.
const VISIBILITY_TIMEOUT: u32 = 120;
/// Workers killed at once, each with one answer of a user of its own.
const WORKERS: usize = 4;
const MAX_WAIT: Duration = Duration::from_secs(90);

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let rounds: usize = suite.scale.of(10, 2);
    let run = Run::start(suite, "worker-replacement", &[("GEMINI_TIMEOUT_MS", "20000")]).await?;
    run.set_visibility_timeout(VISIBILITY_TIMEOUT).await?;
    run.start_worker_with_batch_size(1).await?;
    let users = try_join_all((0..WORKERS).map(|_| TestUser::sign_up(&run))).await?;
    let (mut sent, mut times) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let messages = try_join_all(users.iter().map(|user| send_slow(&run, user))).await?;
        // At different times since the last renewal of the leases.
        sleep(LEASE.mul_f64(f64::from(u32::try_from(round)?) / f64::from(u32::try_from(rounds)?))).await;
        let mut killed = 0;
        while run.lambda.kill_busy("worker").await {
            killed += 1;
        }
        check!(run, killed >= WORKERS, "{killed} of {WORKERS} workers were killed while busy");
        times.extend(try_join_all(messages.iter().map(|message| time_to_next_call(&run, message))).await?);
        sent.extend(messages);
    }
    run.recovered_within(run.wait_until_all_done(MAX_WAIT).await?);

    run.check_answers(&sent).await?;
    run.check_invariants().await?;
    times.sort();
    let (median, slowest) = (times[times.len() / 2], times.last().copied().unwrap_or_default());
    // The visibility timeout would take 30 leases.
    check!(run, slowest < 10 * LEASE, "an answer was taken over after {slowest:?}, a lease takes {LEASE:?}");
    run.observe(format!(
        "taken over by another worker after {:.1} s at p50, {:.1} s at most; a lease takes {} s",
        median.as_secs_f64(),
        slowest.as_secs_f64(),
        LEASE.as_secs()
    ));
    run.done(format!(
        "{} SIGKILLs of workers that wait for Gemini, with a visibility timeout of {VISIBILITY_TIMEOUT} s",
        rounds * WORKERS
    ))
}

/// Sends a message whose first answer takes longer than its worker lives, and waits until Gemini is
/// called.
async fn send_slow(run: &Run, user: &TestUser) -> Result<SentMessage> {
    let (room, text) = (user.create_chatroom(run).await?, unique("message"));
    let steps = json!([{"kind": "answer", "delay_ms": 15_000}, {"kind": "answer"}]);
    run.mocks.script(&text, steps).await?;
    let sent = user.send_text(run, &room, &text).await?;
    let is_called = async || Ok(run.gemini.calls(&text) > 0);
    wait_until("Gemini is called", MAX_WAIT, is_called).await?;
    Ok(sent)
}

async fn time_to_next_call(run: &Run, sent: &SentMessage) -> Result<Duration> {
    let is_called = async || Ok(run.gemini.calls(&sent.text) > 1);
    wait_until("another worker calls Gemini", MAX_WAIT, is_called).await
}
