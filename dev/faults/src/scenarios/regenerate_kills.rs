//! Users who regenerate, edit, switch branches, delete and send at once in the same chatrooms, while
//! workers are killed.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use crate::prelude::*;

const KILL_INTERVAL: Duration = Duration::from_millis(500);
/// Requests of a user at once in each chatroom.
const ACTORS: usize = 3;
/// Searched after the end: for each kept and each deleted text one request.
const SEARCHES: usize = 20;

/// What the requests of one user did.
#[derive(Default)]
struct Counts {
    /// Requests for an answer that were accepted, each for one unit of the quota.
    accepted: Cell<i64>,
    deleted: Cell<usize>,
    switched: Cell<usize>,
    refused: Cell<usize>,
    texts: RefCell<Vec<String>>,
}

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let (users, rooms, rounds, kills) = suite.scale.of((4, 3, 40, 30), (2, 2, 12, 4));
    // No answer may fail for repeated kills.
    let overrides = [("MESSAGE_MAX_ATTEMPTS", "100"), ("GEMINI_BREAKER_FAILURES", "1000")];
    let run = Run::start(suite, "regenerate-kills", &overrides).await?;
    log_deleted_generations(&run).await?;
    let slow = json!({"steps": [{"kind": "answer", "delay_ms": 150}], "forever": true});
    run.mocks.gemini("script", &slow).await?;
    run.start_worker().await?;
    let killed = Cell::new(0);
    let chats = async {
        let chats = try_join_all((0..users).map(|_| chat(&run, rooms, rounds))).await?;
        let recovery = run.wait_until_all_done(Duration::from_mins(4)).await?;
        anyhow::Ok((chats, recovery))
    };
    let kill_workers = async {
        loop {
            sleep(KILL_INTERVAL).await;
            if killed.get() < kills && run.lambda.kill_busy("worker").await {
                killed.set(killed.get() + 1);
            }
        }
    };
    let (chats, recovery) = tokio::select! { done = chats => done?, never = kill_workers => never };

    run.recovered_within(recovery);
    check!(run, killed.get() == kills, "{} of {kills} workers were killed while busy", killed.get());
    run.check_invariants().await?;
    run.check_deadlocks().await?;
    for (user, counts) in &chats {
        check_counts(&run, user, counts).await?;
        check_traces(&run, user, counts).await?;
    }
    let sum = |count: fn(&Counts) -> usize| chats.iter().map(|(_, counts)| count(counts)).sum::<usize>();
    let accepted: i64 = chats.iter().map(|(_, counts)| counts.accepted.get()).sum();
    run.observe(format!(
        "{accepted} answers requested, {} branches switched, {} messages deleted, {} requests refused by 404 or 409",
        sum(|counts| counts.switched.get()),
        sum(|counts| counts.deleted.get()),
        sum(|counts| counts.refused.get()),
    ));
    run.done(format!(
        "{users} users, {ACTORS} clients at once in each of their {rooms} chatrooms; {kills} SIGKILLs of busy workers"
    ))
}

/// Keeps the generations that are deleted, so that all accepted ones can be counted.
async fn log_deleted_generations(run: &Run) -> Result<()> {
    run.db
        .batch(
            "CREATE TABLE deleted_generations (id uuid PRIMARY KEY, user_id uuid NOT NULL);
            CREATE FUNCTION log_deleted_generation() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
            BEGIN
                INSERT INTO deleted_generations VALUES (OLD.id, OLD.user_id);
                RETURN NULL;
            END
            $$;
            CREATE TRIGGER log_deleted AFTER DELETE ON generations FOR EACH ROW
                EXECUTE FUNCTION log_deleted_generation()",
        )
        .await
}

async fn chat(run: &Run, rooms: usize, rounds: usize) -> Result<(TestUser, Counts)> {
    let (user, counts) = (TestUser::sign_up(run).await?, Counts::default());
    let rooms = user.create_chatrooms(run, rooms).await?;
    let actors = rooms.iter().flat_map(|room| [room; ACTORS]).map(async |room| {
        for _ in 0..rounds {
            act(run, &user, room, &counts).await?;
        }
        anyhow::Ok(())
    });
    try_join_all(actors).await?;
    Ok((user, counts))
}

/// Sends one request of a random kind about a random message of the chatroom.
async fn act(run: &Run, user: &TestUser, room: &str, counts: &Counts) -> Result<()> {
    let shown = user.request("GET", format!("/api/chatroom/{room}")).send(run).await?.ensure(200)?;
    let messages = shown.body["messages"].as_array().cloned().unwrap_or_default();
    let Some(message) = messages.get(random(messages.len().max(1))) else {
        return send(run, user, room, json!({}), counts).await;
    };
    let id = message["id"].as_str().context("a message without id")?;
    let on_message = |action: &str| user.request("POST", format!("/api/chatroom/message/{id}/{action}"));
    match random(10) {
        0..3 => send(run, user, room, json!({}), counts).await,
        3 => send(run, user, room, json!({ "parent_id": id }), counts).await,
        4 | 5 => count(&on_message("regenerate").send(run).await?, &counts.accepted, counts),
        6 => {
            let text = unique("edited");
            counts.texts.borrow_mut().push(text.clone());
            let edit = on_message("edit").json(&json!({ "content": text }));
            count(&edit.send(run).await?, &counts.accepted, counts)
        }
        7 | 8 => {
            let siblings = message["siblings"]["ids"].as_array().or_else(|| message["answers"].as_array());
            let other = siblings.and_then(|ids| ids.get(random(ids.len()))).and_then(Value::as_str);
            let branch = json!({ "message_id": other.unwrap_or(id) });
            let switch = user.request("PUT", format!("/api/chatroom/{room}/branch")).json(&branch);
            count(&switch.send(run).await?, &counts.switched, counts)
        }
        _ => {
            let delete = user.request("DELETE", format!("/api/chatroom/message/{id}"));
            count(&delete.send(run).await?, &counts.deleted, counts)
        }
    }
}

async fn send(run: &Run, user: &TestUser, room: &str, mut body: Value, counts: &Counts) -> Result<()> {
    let text = unique("question");
    body["content"] = text.clone().into();
    counts.texts.borrow_mut().push(text);
    let request = user.request("POST", format!("/api/chatroom/{room}/message")).json(&body);
    count(&request.send(run).await?, &counts.accepted, counts)
}

/// Counts a request as done, or as refused because another client was first.
fn count<N: Copy + From<u8> + std::ops::Add<Output = N>>(
    response: &Response,
    done: &Cell<N>,
    counts: &Counts,
) -> Result<()> {
    match response.status.as_u16() {
        200 | 201 => done.set(done.get() + N::from(1)),
        404 | 409 => counts.refused.set(counts.refused.get() + 1),
        // An answer cannot be edited.
        400 if response.body["code"] != "validation_failed" => counts.refused.set(counts.refused.get() + 1),
        _ => anyhow::bail!("a request was answered by {response}"),
    }
    Ok(())
}

fn random(below: usize) -> usize {
    usize::try_from(Uuid::new_v4().as_u128() % below as u128).unwrap_or_default()
}

/// Checks that there are, or were, as many generations as accepted requests, and that the quota
/// counts each of them unless it was refunded.
async fn check_counts(run: &Run, user: &TestUser, counts: &Counts) -> Result<()> {
    const SQL: &str = "
        SELECT (SELECT count(*) FROM generations g WHERE g.user_id = u.id),
            (SELECT count(*) FROM deleted_generations g WHERE g.user_id = u.id),
            (SELECT coalesce(sum(messages), 0)::bigint FROM daily_usage d WHERE d.user_id = u.id),
            (SELECT coalesce(sum(refunds), 0)::bigint FROM daily_usage d WHERE d.user_id = u.id),
            (SELECT count(*) FROM messages m WHERE m.user_id = u.id AND m.message_type = 'ai')
        FROM users u WHERE u.mobile_number = $1";
    let row = run.db.query_one(SQL, &[&user.number]).await?;
    let [kept, deleted, charged, refunds, answers]: [i64; 5] = std::array::from_fn(|column| row.get(column));
    let accepted = counts.accepted.get();
    run.count(usize::try_from((accepted - kept - deleted).max(0))?, 0);
    check!(
        run,
        kept + deleted == accepted,
        "{accepted} answers were requested, and there are {kept} generations and {deleted} deleted ones"
    );
    check!(run, charged + refunds == accepted, "{accepted} accepted, {charged} counted, {refunds} refunded");
    check!(run, refunds <= deleted, "{refunds} refunds for {deleted} deleted generations");
    check!(run, charged >= answers, "{answers} answers for {charged} units of the quota");
    let failed = "SELECT count(*) FROM generations WHERE status <> 'completed'";
    let failed: i64 = run.db.value(failed, &[]).await?;
    check!(run, failed == 0, "{failed} accepted generations were not answered");
    Ok(())
}

/// Checks that the export and the search find exactly the messages that are not deleted.
async fn check_traces(run: &Run, user: &TestUser, counts: &Counts) -> Result<()> {
    const SQL: &str = "SELECT content FROM messages m JOIN users u ON u.id = m.user_id
        WHERE u.mobile_number = $1 AND message_type = 'user'";
    let rows = run.db.query(SQL, &[&user.number]).await?;
    let kept: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
    let (mut exported, mut cursor) = (String::new(), String::new());
    loop {
        let page = user.request("GET", format!("/api/user/export{cursor}")).send(run).await?.ensure(200)?;
        let text = page.body.as_str().context("the export is no text")?;
        exported.push_str(text);
        let last = text.lines().next_back().unwrap_or_default();
        let last: Value =
            serde_json::from_str(last).with_context(|| format!("the export ends with {last:?}"))?;
        match last["cursor"].as_str() {
            Some(next) if last["type"] == "continue" => cursor = format!("?cursor={next}"),
            _ => break,
        }
    }
    let texts = counts.texts.take();
    for text in &texts {
        let (is_kept, is_exported) = (kept.contains(text), exported.contains(text.as_str()));
        check!(run, is_kept == is_exported, "a message is stored: {is_kept}, exported: {is_exported}");
    }
    let (present, gone): (Vec<_>, Vec<_>) = texts.iter().partition(|text| kept.contains(*text));
    for (texts, expected) in [(present, 1), (gone, 0)] {
        for text in texts.into_iter().take(SEARCHES) {
            let word = text.rsplit(' ').next().unwrap_or_default();
            let found = user.request("GET", format!("/api/chatroom/search?q={word}")).send(run).await?;
            let found = found.ensure(200)?;
            // The answer may repeat the question.
            let results = found.body["results"].as_array().into_iter().flatten();
            let questions = results.filter(|result| result["message_type"] == "user").count();
            check!(run, questions == expected, "search found {questions} messages instead of {expected}");
        }
    }
    Ok(())
}
