//! One account with slow and hopeless prompts, many long polls and many streams, beside another
//! user.

use std::cell::Cell;

use tokio::sync::watch;

use crate::prelude::*;

const POLLS: usize = 40;
const POLL_SECONDS: u64 = 25;
/// How many long polls of a user may wait (`MAX_LONG_POLLS`).
const WAITING: usize = 3;
const STREAMS: usize = 40;
/// How many streams of a user may be open (`MAX_STREAMS`).
const OPEN: usize = 3;
const ROOMS: usize = 30;
/// The largest number of generations of one user in flight.
const MAX_IN_FLIGHT: i64 = 3;
/// How many times its own figure another user's 99th percentile may be.
const FACTOR: f64 = 2.0;
/// Differences below this are noise of the machine.
const MARGIN: Duration = Duration::from_millis(10);

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let requests: usize = suite.scale.of(1_000, 20);
    // The circuit breaker would refuse the other user's message for the failures of the first.
    let overrides = [("GEMINI_BREAKER_FAILURES", "1000"), ("GEMINI_TIMEOUT_MS", "2000")];
    let run = Run::start(suite, "one-account-stalls", &overrides).await?;
    let (one, other) = (TestUser::sign_up(&run).await?, TestUser::sign_up(&run).await?);
    let alone = measure(&run, &other, requests).await?;
    let beside = beside_long_polls(&run, &one, &other, requests).await?;
    let most = alone.mul_f64(FACTOR).max(alone + MARGIN);
    let is_short = suite.scale == harness::Scale::Short;
    // At the short scale other scenarios run beside this one.
    check!(run, is_short || beside <= most, "p99 {beside:?} beside {POLLS} long polls, {alone:?} alone");
    run.observe(format!(
        "p99 of the other user {:.0} ms alone, {:.0} ms beside {POLLS} long polls",
        alone.as_secs_f64() * 1_000.0,
        beside.as_secs_f64() * 1_000.0
    ));
    let beside = beside_streams(&run, &one, &other, requests).await?;
    check!(run, is_short || beside <= most, "p99 {beside:?} beside {STREAMS} streams, {alone:?} alone");
    run.observe(format!("{:.0} ms beside {STREAMS} streams", beside.as_secs_f64() * 1_000.0));
    beside_slow_prompts(&run, &one, &other).await?;
    run.done(format!(
        "{POLLS} long polls at once, {STREAMS} streams at once, and {ROOMS} prompts in {ROOMS} chatrooms, of one \
         account"
    ))
}

/// The 99th percentile of `count` reads, sends and streams of `user`, one after the other.
async fn measure(run: &Run, user: &TestUser, count: usize) -> Result<Duration> {
    let room = user.create_chatroom(run).await?;
    // Its stream ends at once.
    let cancelled = user.send_message(run, &room).await?.id;
    user.request("POST", format!("/api/chatroom/message/{cancelled}/cancel")).send(run).await?.ensure(200)?;
    let mut times = Vec::with_capacity(count);
    for number in 0..count {
        let request = match number % 4 {
            0 => user.message(&room, &unique("message")),
            1 => user.request("GET", "/api/chatroom"),
            2 => user.request("GET", format!("/api/stream/{cancelled}")),
            _ => user.request("GET", format!("/api/chatroom/{room}")),
        };
        let start = Instant::now();
        let response = request.send(run).await?;
        times.push(start.elapsed());
        ensure!(response.status.is_success(), "{response}");
    }
    times.sort_unstable();
    Ok(times[(times.len() * 99).div_ceil(100) - 1])
}

/// Measures the requests of `other` while `one` polls the status of a message that no worker
/// answers. All of them must be answered while the long polls that may wait do, and the other polls
/// at once.
async fn beside_long_polls(run: &Run, one: &TestUser, other: &TestUser, count: usize) -> Result<Duration> {
    let room = one.create_chatroom(run).await?;
    let pending = one.send_message(run, &room).await?;
    let path = format!("/api/chatroom/message/{}/status?wait={POLL_SECONDS}", pending.id);
    let waited = Cell::new(0);
    let polls = (0..POLLS).map(async |_| {
        let start = Instant::now();
        one.request("GET", &path).send(run).await?.ensure(200)?;
        // On any machine, a poll without a place is answered long before this.
        waited.set(waited.get() + usize::from(start.elapsed() > Duration::from_secs(POLL_SECONDS) / 2));
        anyhow::Ok(())
    });
    let measured = async {
        let time = measure(run, other, count).await?;
        let ended = waited.get();
        check!(run, ended == 0, "the other user's requests lasted until {ended} long polls had ended");
        anyhow::Ok(time)
    };
    let (time, _) = futures::try_join!(measured, try_join_all(polls))?;
    let waited = waited.get();
    check!(run, waited == WAITING, "{waited} of {POLLS} long polls waited, not {WAITING}");
    Ok(time)
}

/// Measures the requests of `other` while `one` opens many streams of a message that no worker
/// answers. Only those that may be open stay open, until the measurement ends.
async fn beside_streams(run: &Run, one: &TestUser, other: &TestUser, count: usize) -> Result<Duration> {
    let room = one.create_chatroom(run).await?;
    let pending = one.send_message(run, &room).await?;
    let (has_ended, is_measured) = watch::channel(false);
    let replaced = Cell::new(0);
    let streams = (0..STREAMS).map(async |_| {
        let mut reader = Reader::new(run, one, pending.id);
        let mut is_measured = is_measured.clone();
        tokio::select! {
            read = reader.finish() => read?,
            _ = is_measured.wait_for(|is_measured| *is_measured) => return anyhow::Ok(reader),
        }
        check!(run, reader.answer.is_replaced, "a stream ended with {:?}", reader.answer);
        replaced.set(replaced.get() + 1);
        anyhow::Ok(reader)
    });
    let measured = async {
        // Beside the streams that stay, and not only beside their opening.
        let all_replaced = async || Ok(replaced.get() >= STREAMS - OPEN);
        let (time, _) = futures::try_join!(
            measure(run, other, count),
            wait_until("the oldest streams have ended", Duration::from_mins(1), all_replaced)
        )?;
        let open = STREAMS - replaced.get();
        check!(run, open == OPEN, "{open} of {STREAMS} streams stayed open, not {OPEN}");
        has_ended.send_replace(true);
        anyhow::Ok(time)
    };
    let (time, _) = futures::try_join!(measured, try_join_all(streams))?;
    Ok(time)
}

/// Sends a slow prompt in each of many chatrooms of `one`, and then a message of `other`.
async fn beside_slow_prompts(run: &Run, one: &TestUser, other: &TestUser) -> Result<()> {
    const IN_FLIGHT: &str = "SELECT count(*) FROM generations g JOIN users u ON u.id = g.user_id
        WHERE g.status = 'processing' AND u.mobile_number = $1";
    let slow = unique("slow");
    let step = json!({"kind": "slow", "delay_ms": 6_000});
    run.mocks.gemini("script", &json!({"match": slow, "steps": [step], "forever": true})).await?;
    run.start_worker_with_batch_size(1).await?;
    run.wait_until_all_done(Duration::from_mins(4)).await?;
    for room in one.create_chatrooms(run, ROOMS).await? {
        one.send_text(run, &room, &slow).await?;
    }
    let room = other.create_chatroom(run).await?;
    let message = other.send_message(run, &room).await?;
    let (mut most, mut calls) = (0, 0);
    let is_answered = async || {
        most = most.max(run.db.value::<i64>(IN_FLIGHT, &[&one.number]).await?);
        let is_answered = run.outcome(message.id).await? == "completed 1";
        calls = run.gemini.calls(&slow);
        Ok(is_answered)
    };
    wait_until("the other user is answered", Duration::from_mins(2), is_answered).await?;
    check!(run, most <= MAX_IN_FLIGHT, "{most} generations of one user in flight");
    check!(run, calls < ROOMS, "the other user was answered after {calls} calls of the first");
    run.observe(format!(
        "{most} generations of the account in flight; {calls} calls before the other's answer"
    ));
    run.wait_until_all_done(Duration::from_mins(4)).await.map(drop)
}
