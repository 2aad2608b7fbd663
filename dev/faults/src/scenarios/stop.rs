//! Answers stopped at points spread over their whole life: in the queue, before the first text, in
//! mid-text, at the last piece, and after the end.

use std::cell::Cell;
use std::collections::BTreeMap;

use crate::prelude::*;

const USERS: usize = 4;
/// How long Gemini writes an answer.
const ANSWER_MS: u64 = 1_100;
/// How long Gemini thinks before it.
const THINKING_MS: u64 = 400;
/// The latest moment of a request to stop, after the message was sent.
const LATEST: Duration = Duration::from_millis(1_900);
/// The longest time from the request until the connection to Gemini is closed.
const LIMIT: Duration = Duration::from_secs(1);
/// At the short scale other scenarios run beside this one.
const SHORT_LIMIT: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(10);
const MAX_WAIT: Duration = Duration::from_secs(20);

/// A message that was stopped, or answered before.
struct Stopped {
    /// What the request met.
    moment: &'static str,
    /// From the request until the connection to Gemini was closed.
    took: Duration,
    /// The units of quota that the message and the next one cost.
    units: u64,
}

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let stops: usize = suite.scale.of(100, 12);
    let run = Run::start(suite, "stop", &[("GEMINI_TIMEOUT_MS", "20000")]).await?;
    run.start_worker().await?;
    let users = try_join_all((0..USERS).map(|_| TestUser::sign_up(&run))).await?;
    let (run_ref, answer) = (&run, "one two three four five six ".repeat(100));
    let stop = |(user, turn): (usize, u32)| {
        let delay = LATEST * turn / u32::try_from(stops).unwrap_or(u32::MAX);
        let (user, answer) = (&users[user], answer.as_str());
        async move { stop_after(run_ref, user, delay, answer).await }
    };
    let mut all = Vec::new();
    let turns: Vec<u32> = (0..u32::try_from(stops)?).collect();
    for turns in turns.chunks(USERS) {
        all.push(try_join_all(turns.iter().copied().enumerate().map(stop)).await?);
    }

    let (mut moments, mut times) = (BTreeMap::<&str, usize>::new(), Vec::new());
    for stopped in all.iter().flatten() {
        *moments.entry(stopped.moment).or_default() += 1;
        times.push(stopped.took);
    }
    times.sort_unstable();
    let (median, slowest) = (times[times.len() / 2], times.last().copied().unwrap_or_default());
    let limit = if suite.scale == harness::Scale::Short { SHORT_LIMIT } else { LIMIT };
    check!(run, slowest <= limit, "a connection to Gemini was closed after {slowest:?}");
    for (place, user) in users.iter().enumerate() {
        let expected: u64 = all.iter().filter_map(|turn| turn.get(place)).map(|stopped| stopped.units).sum();
        let me = user.request("GET", "/api/user/me").send(&run).await?.ensure(200)?;
        let used = &me.body["usage"]["daily_messages_used"];
        check!(run, *used == expected, "{used} units are counted instead of {expected}");
    }
    check!(run, moments.contains_key("in mid-text"), "no answer was stopped in mid-text: not tested");
    run.wait_until_all_done(MAX_WAIT).await?;
    run.check_invariants().await?;
    run.check_answers_of_generations().await?;
    run.observe(format!(
        "connection to Gemini closed after {:.0} ms at p50, {:.0} ms at most",
        median.as_secs_f64() * 1_000.0,
        slowest.as_secs_f64() * 1_000.0
    ));
    let moments: Vec<String> =
        moments.into_iter().map(|(moment, count)| format!("{count} {moment}")).collect();
    run.done(format!("{stops} requests to stop: {}", moments.join(", ")))
}

/// Sends a message, stops it after `delay`, and sends another to the same chatroom.
async fn stop_after(run: &Run, user: &TestUser, delay: Duration, answer: &str) -> Result<Stopped> {
    let (room, text) = (user.create_chatroom(run).await?, unique("stop"));
    let step = json!([{
        "kind": "answer", "text": answer, "delay_ms": THINKING_MS, "duration_ms": ANSWER_MS
    }]);
    run.mocks.script(&text, step).await?;
    let sent = user.send_text(run, &room, &text).await?;
    sleep(delay).await;
    let is_answered = Cell::new(false);
    let request = async {
        let request = user.request("POST", format!("/api/chatroom/message/{}/cancel", sent.id));
        let response = request.send(run).await;
        is_answered.set(true);
        response
    };
    let (response, took) = tokio::try_join!(request, time_to_close(run, &text, &is_answered))?;
    let is_stopped = response.status == 200;
    ensure!(is_stopped || response.status == 409, "the request to stop is answered by {response}");
    let message = user.wait_until_done(run, sent.id).await?;
    let status = &message["processing_status"];
    let expected = if is_stopped { "cancelled" } else { "completed" };
    check!(run, status == expected, "a request answered by {} leaves the message {status}", response.status);

    let calls = run.gemini.calls(&text);
    check!(run, calls <= 1, "{calls} calls to Gemini for one message");
    let stored = message["reply"]["content"].as_str().unwrap_or_default();
    let reason = &message["reply"]["finish_reason"];
    check!(run, answer.starts_with(stored), "the stored answer is not the beginning of Gemini's");
    check!(run, stored.is_empty() || !is_stopped || reason == "cancelled", "the finish reason is {reason}");
    if calls > 0 {
        check_live_text(run, &sent, stored, expected).await?;
    }
    let next = user.send_message(run, &room).await?;
    let next = user.wait_until_done(run, next.id).await?;
    check!(
        run,
        next["processing_status"] == "completed",
        "the next message is {}",
        next["processing_status"]
    );
    let moment = match (is_stopped, calls) {
        (false, _) => "after the end",
        (true, 0) => "in the queue",
        (true, _) if stored.is_empty() => "before the first text",
        (true, _) => "in mid-text",
    };
    Ok(Stopped { moment, took, units: if is_stopped && calls == 0 { 1 } else { 2 } })
}

/// The time until Gemini is no longer called for the message, as mock Gemini sees it. Looks at least
/// until the request to stop is answered.
async fn time_to_close(run: &Run, text: &str, is_answered: &Cell<bool>) -> Result<Duration> {
    let (start, mut closed) = (Instant::now(), None);
    loop {
        let calls = run.mocks.gemini_call_log(text).await?;
        let is_open = |call: &Value| call["completed_at"].is_null() && call["disconnected_at"].is_null();
        let is_closed = !calls.iter().any(is_open);
        closed = if is_closed { closed.or_else(|| Some(start.elapsed())) } else { None };
        match closed {
            Some(closed) if is_answered.get() => return Ok(closed),
            _ => ensure!(start.elapsed() < MAX_WAIT, "the connection to Gemini stays open"),
        }
        sleep(POLL).await;
    }
}

/// Checks that readers of the live text have the stored answer and learn of its end.
async fn check_live_text(run: &Run, sent: &SentMessage, stored: &str, status: &str) -> Result<()> {
    let mut last = None;
    // A worker writes the end after the commit.
    let has_ended = async || {
        last = run.live_text(sent.id).await?.pop();
        Ok(last.as_ref().is_some_and(|attempt| attempt.end.is_some()))
    };
    wait_until("the end is in the live text", MAX_WAIT, has_ended).await?;
    let last = last.unwrap_or_default();
    check!(run, last.text == stored, "{} of {} bytes are in the live text", last.text.len(), stored.len());
    check!(run, last.end == Some(format!("end {status}")), "the live text ends with {:?}", last.end);
    Ok(())
}
