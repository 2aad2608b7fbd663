//! An operator pauses features by the command, and resumes them, while the functions run.

use harness::TestEnvironment;
use stack::functions::MIGRATE;
use stack::process::Launch;

use crate::prelude::*;

/// The time within which each function must know on a busy machine: 30 seconds, a request that starts the
/// reading, and the answers meanwhile.
const MAX_WAIT: Duration = Duration::from_mins(2);

/// Interval between requests that wait for a switch.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

const BASIC: &str = "gemini-3.5-flash-lite";
/// The version that answers for the default fallback, `gemini-3.5-flash`.
const FALLBACK: &str = "gemini-3.6-flash";

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let run = Run::start(suite, "kill-switches", &[]).await?;
    run.start_worker().await?;
    let user = TestUser::sign_up(&run).await?;
    let room = user.create_chatroom(&run).await?;
    // Every function has read the switches once.
    let before = user.send_message(&run, &room).await?;
    run.wait_until_all_done(MAX_WAIT).await?;
    check!(run, model_of(&run, before.id).await? == BASIC, "the model of the plan answers first");

    for feature in [&["signups"][..], &["model", BASIC]] {
        command(&run, "pause", feature).await?;
    }
    let paused =
        wait_until("sign-ups are paused", MAX_WAIT, async || Ok(sign_up(&run).await?.0 == "signups_paused"));
    let took = paused.await?;
    let mut sent = vec![before];
    wait_until("the fallback answers", MAX_WAIT, async || {
        answers(&run, &user, &room, &mut sent, FALLBACK).await
    })
    .await?;

    command(&run, "pause", &["sending"]).await?;
    let refused = async || Ok(send(&run, &user, &room).await?.0 == "sending_paused");
    wait_until("sending is paused", MAX_WAIT, refused).await?;
    let (_, wait) = send(&run, &user, &room).await?;
    check!(run, wait.as_deref() == Some("60"), "Retry-After of a paused message is {wait:?}");

    for feature in [&["signups"][..], &["sending"], &["model", BASIC]] {
        command(&run, "resume", feature).await?;
    }
    wait_until("sign-ups are resumed", MAX_WAIT, async || Ok(sign_up(&run).await?.0.is_empty())).await?;
    wait_until("the model of the plan answers", MAX_WAIT, async || {
        answers(&run, &user, &room, &mut sent, BASIC).await
    })
    .await?;
    run.wait_until_all_done(MAX_WAIT).await?;
    run.check_answers(&sent).await?;
    run.observe(format!("sign-ups were refused {:.0} s after the command", took.as_secs_f64()));
    run.done("sign-ups, sending and one model paused and resumed")
}

/// Runs the operator's command.
async fn command(environment: &TestEnvironment, verb: &str, feature: &[&str]) -> Result<()> {
    let migrate = Launch::new(environment.programs.join(MIGRATE)).without_settings().env(&environment.env);
    migrate.args([verb]).args(feature).output().await?;
    Ok(())
}

/// The code of the error for a code to sign up, and `Retry-After`.
async fn sign_up(run: &Run) -> Result<(String, Option<String>)> {
    sleep(POLL_INTERVAL).await;
    let body = json!({ "mobile_number": random_number() });
    Ok(refusal(&Request::post("/api/auth/send-signup-otp", &body).send(run).await?))
}

async fn send(run: &Run, user: &TestUser, room: &str) -> Result<(String, Option<String>)> {
    sleep(POLL_INTERVAL).await;
    Ok(refusal(&user.message(room, "hello").send(run).await?))
}

fn refusal(response: &Response) -> (String, Option<String>) {
    let code = response.body["code"].as_str().unwrap_or_default().to_owned();
    (code, response.header("retry-after").map(str::to_owned))
}

/// Sends a message, waits for its answer, and returns whether `model` gave it. A message that is
/// refused is not sent.
async fn answers(
    run: &Run,
    user: &TestUser,
    room: &str,
    sent: &mut Vec<SentMessage>,
    model: &str,
) -> Result<bool> {
    sleep(POLL_INTERVAL).await;
    let text = unique("which model");
    let response = user.message(room, &text).send(run).await?;
    if response.status != 201 {
        return Ok(false);
    }
    let message = SentMessage::read(&response, &text)?;
    let id = message.id;
    sent.push(message);
    run.wait_until_all_done(MAX_WAIT).await?;
    Ok(model_of(run, id).await? == model)
}

async fn model_of(run: &Run, question: Uuid) -> Result<String> {
    run.db.value("SELECT model FROM messages WHERE reply_to = $1", &[&question]).await
}
