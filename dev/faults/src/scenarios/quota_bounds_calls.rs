//! A user who tries to get more calls to Gemini than the quota allows: by cancelling, by deleting
//! the chatroom, by prompts that Gemini blocks, and by deleting the account and signing up again.

use crate::prelude::*;

const LIMIT: usize = 5;
const ATTEMPTS: usize = 3;
/// Long enough to act while Gemini writes.
const ANSWER_TIME_MS: u64 = 300;
/// How long to wait for the call of an accepted message before acting.
const CALL_WAIT: Duration = Duration::from_secs(20);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Cancel,
    DeleteRoom,
    Blocked,
    DeleteAccount,
}

const WAYS: [Way; 4] = [Way::Cancel, Way::DeleteRoom, Way::Blocked, Way::DeleteAccount];

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let tries: usize = suite.scale.of(200, 40);
    let (limit, attempts) = (LIMIT.to_string(), ATTEMPTS.to_string());
    let overrides = [
        ("BASIC_DAILY_MESSAGE_LIMIT", limit.as_str()),
        ("MESSAGE_MAX_ATTEMPTS", &attempts),
        ("OTP_MAX_PER_DAY", "1000000"),
    ];
    let run = Run::start(suite, "quota-bounds-calls", &overrides).await?;
    run.start_worker().await?;
    let day = today(&run).await?;
    for way in WAYS {
        let mut user = TestUser::sign_up(&run).await?;
        let prefix = unique("attempt");
        let step = match way {
            Way::Blocked => json!({"kind": "blocked_prompt"}),
            _ => json!({"kind": "answer", "delay_ms": ANSWER_TIME_MS}),
        };
        run.mocks.gemini("script", &json!({"match": prefix, "steps": [step], "forever": true})).await?;
        let mut accepted = 0;
        for number in 0..tries {
            accepted += usize::from(attempt(&run, &mut user, way, &prefix, number).await?);
        }
        run.wait_until_all_done(Duration::from_mins(1)).await?;
        let (calls, refused) = (run.mocks.gemini_calls(&prefix).await?, tries - accepted);
        // At midnight the quota begins anew.
        let days = if today(&run).await? == day { 1 } else { 2 };
        let most = LIMIT * ATTEMPTS * days;
        check!(run, calls <= most, "{way:?}: {calls} calls to Gemini in {tries} tries, more than {most}");
        check!(run, calls > 0 && refused > 0, "{way:?}: {calls} calls, {refused} refused: not tested");
        run.observe(format!("{way:?}: {calls} calls, {refused} messages refused"));
    }
    run.done(format!("{tries} tries in each of {} ways, {LIMIT} messages a day", WAYS.len()))
}

async fn today(run: &Run) -> Result<String> {
    run.db.value("SELECT (now() AT TIME ZONE 'utc')::date::text", &[]).await
}

/// Sends a message and undoes it: three of four times while Gemini writes. Returns whether the
/// message was accepted.
async fn attempt(run: &Run, user: &mut TestUser, way: Way, prefix: &str, number: usize) -> Result<bool> {
    let (room, text) = (user.create_chatroom(run).await?, format!("{prefix} {number}"));
    let response = user.message(&room, &text).send(run).await?;
    let is_accepted = response.status == 201;
    ensure!(is_accepted || response.status == 429, "the message is answered by {response}");
    if is_accepted && number % 4 != 3 {
        let is_called = async || Ok(run.gemini.calls(&text) > 0);
        wait_until("Gemini is called", CALL_WAIT, is_called).await?;
    }
    match way {
        Way::Cancel if is_accepted => {
            let id = SentMessage::read(&response, &text)?.id;
            // A message that is answered already cannot be cancelled.
            user.request("POST", format!("/api/chatroom/message/{id}/cancel")).send(run).await?;
        }
        Way::DeleteRoom => {
            user.request("DELETE", format!("/api/chatroom/{room}")).send(run).await?.ensure(200)?;
        }
        Way::DeleteAccount => {
            let deletion = user.request("DELETE", "/api/user/me").json(&json!({ "password": PASSWORD }));
            deletion.send(run).await?.ensure(200)?;
            // The next code may be requested after a minute, which Redis counts.
            run.empty_redis().await?;
            *user = TestUser::sign_up_with_number(run, user.number.clone()).await?;
        }
        Way::Cancel | Way::Blocked => {}
    }
    Ok(is_accepted)
}
