//! Workers killed while Gemini writes a title, and owners who rename, delete or go on chatting meanwhile.

use crate::prelude::*;

const MAX_WAIT: Duration = Duration::from_secs(90);
/// How long Gemini takes for a title whose worker is killed: longer than the worker lives.
const SLOW_MS: u64 = 28_000;
/// The name that the owner gives.
const NAME: &str = "Mine";
const TITLE: &str = "A title";

/// What the owner does while the title is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meanwhile {
    Nothing,
    Rename,
    Delete,
    Send,
}

const ACTIONS: [Meanwhile; 4] = [Meanwhile::Nothing, Meanwhile::Rename, Meanwhile::Delete, Meanwhile::Send];

/// A chatroom whose title is being written.
struct Room {
    id: String,
    question: SentMessage,
    meanwhile: Meanwhile,
}

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let rounds: usize = suite.scale.of(10, 1);
    let run = Run::start(suite, "title-kills", &[("TITLE_TIMEOUT_MS", "30000")]).await?;
    run.start_worker_with_batch_size(1).await?;
    let users = try_join_all(ACTIONS.map(|_| TestUser::sign_up(&run))).await?;
    let (mut killed, mut kept) = (0, 0);
    for _ in 0..rounds {
        let rooms = users.iter().zip(ACTIONS).map(|(user, meanwhile)| ask(&run, user, meanwhile));
        let rooms = try_join_all(rooms).await?;
        while run.lambda.kill_busy("worker").await {
            killed += 1;
        }
        finish_titles(&run).await?;
        for room in &rooms {
            kept += usize::from(check_room(&run, room).await?);
        }
    }
    run.wait_until_all_done(MAX_WAIT).await?;
    run.check_invariants().await?;
    run.check_answers_of_generations().await?;
    for (user, meanwhile) in users.iter().zip(ACTIONS) {
        let sent = rounds * if meanwhile == Meanwhile::Send { 2 } else { 1 };
        let me = user.request("GET", "/api/user/me").send(&run).await?.ensure(200)?;
        let used = &me.body["usage"]["daily_messages_used"];
        check!(run, *used == sent, "{used} units are counted for {sent} messages ({meanwhile:?})");
    }
    check!(run, killed >= rounds, "{killed} workers were killed while busy");
    run.observe(format!("{kept} of {} chatrooms have the name that they must have", rounds * ACTIONS.len()));
    run.done(format!("{killed} SIGKILLs of workers that wait for a title"))
}

/// Asks in a chatroom without a name, waits until Gemini is called for the title, and does what the
/// owner does then.
async fn ask(run: &Run, user: &TestUser, meanwhile: Meanwhile) -> Result<Room> {
    let (id, text) = (user.create_unnamed_chatroom(run).await?, unique("title"));
    let steps = json!([
        { "kind": "answer" },
        { "kind": "answer", "text": "Too late", "delay_ms": SLOW_MS },
        { "kind": "answer", "text": TITLE },
    ]);
    run.mocks.script(&text, steps).await?;
    let question = user.send_text(run, &id, &text).await?;
    let is_called = async || Ok(calls_about(run, &text).await? > 1);
    wait_until("Gemini is called for the title", MAX_WAIT, is_called).await?;
    let answered = user.wait_until_done(run, question.id).await?;
    check!(run, answered["processing_status"] == "completed", "the answer waits for the title: {answered}");
    let path = format!("/api/chatroom/{id}");
    match meanwhile {
        Meanwhile::Nothing => {}
        Meanwhile::Rename => {
            let rename = user.request("PATCH", path).json(&json!({ "name": NAME }));
            rename.send(run).await?.ensure(200)?;
        }
        Meanwhile::Delete => {
            user.request("DELETE", path).send(run).await?.ensure(200)?;
        }
        Meanwhile::Send => {
            let next = user.send_message(run, &id).await?;
            let next = user.wait_until_done(run, next.id).await?;
            check!(run, next["processing_status"] == "completed", "the next message is {next}");
            let calls = calls_about(run, &text).await?;
            check!(run, calls == 2, "the next message was answered after the title: {calls} calls");
        }
    }
    Ok(Room { id, question, meanwhile })
}

/// The number of calls to Gemini for an answer to `text` or for its title.
async fn calls_about(run: &Run, text: &str) -> Result<usize> {
    Ok(run.mocks.gemini_call_log(text).await?.len())
}

/// Ends the claims of the dead workers, and sweeps until no title is due.
async fn finish_titles(run: &Run) -> Result<()> {
    const END_CLAIMS: &str = "UPDATE chatrooms SET title_due_at = now() WHERE title_due_at IS NOT NULL";
    const ARE_MADE: &str = "SELECT count(*) = 0 FROM chatrooms WHERE title_due_at IS NOT NULL";
    run.db.execute(END_CLAIMS, &[]).await?;
    run.sweep().await?;
    wait_until("all titles are made", MAX_WAIT, async || run.db.value(ARE_MADE, &[]).await).await.map(drop)
}

/// Returns whether the chatroom has the name that it must have.
async fn check_room(run: &Run, room: &Room) -> Result<bool> {
    const NAME_OF: &str =
        "SELECT coalesce((SELECT name FROM chatrooms WHERE id = $1::text::uuid), 'deleted')";
    let (expected, calls) = match room.meanwhile {
        Meanwhile::Nothing | Meanwhile::Send => (TITLE, 3),
        Meanwhile::Rename => (NAME, 2),
        Meanwhile::Delete => ("deleted", 2),
    };
    let name: String = run.db.value(NAME_OF, &[&room.id]).await?;
    let made = calls_about(run, &room.question.text).await?;
    check!(run, name == expected, "{:?}: the chatroom is called {name}", room.meanwhile);
    check!(run, made == calls, "{:?}: {made} calls to Gemini instead of {calls}", room.meanwhile);
    Ok(name == expected)
}
