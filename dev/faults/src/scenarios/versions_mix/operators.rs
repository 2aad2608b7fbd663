//! What operators do with failed messages, and dead letters: by one release what the other left.

use harness::Transport;

use super::mix::Mix;
use crate::prelude::*;

/// Fails messages, and retries, redrives and dismisses them. The release that acts is not the one
/// that stored the failure.
pub async fn retry_and_dismiss(mix: &Mix<'_>, operator: &TestUser) -> Result<Vec<SentMessage>> {
    let room = operator.create_chatroom(mix).await?;
    let mut sent = Vec::new();
    for _ in 0..6 {
        let text = unique("refused");
        mix.run.mocks.script(&text, json!([{"kind": "blocked_prompt"}])).await?;
        sent.push(operator.send_text(mix, &room, &text).await?);
    }
    for message in &sent {
        let done = operator.wait_until_done(mix, message.id).await?;
        ensure!(done["processing_status"] == "failed", "the message is {done}, not failed");
    }
    let listed = |response: Response| -> Result<usize> {
        let failed = response.ensure(200)?.body["failed"].as_array().cloned().unwrap_or_default();
        let ids: Vec<String> = sent.iter().map(|message| message.id.to_string()).collect();
        let is_ours =
            |job: &&Value| ids.iter().any(|id| job["id"] == id.as_str() || job["message_id"] == id.as_str());
        Ok(failed.iter().filter(is_ours).count())
    };
    let list = operator.request("GET", "/api/queue/failed?limit=100");
    let (by_current, by_previous) =
        (listed(mix.send_to_current(&list).await?)?, listed(mix.send_to_previous(&list).await?)?);
    check!(
        mix.run,
        (by_current, by_previous) == (sent.len(), sent.len()),
        "of {} failed messages this release lists {by_current}, the one before {by_previous}",
        sent.len()
    );
    let retry =
        |message: &SentMessage| operator.request("POST", format!("/api/queue/failed/{}/retry", message.id));
    let dismiss =
        |message: &SentMessage| operator.request("DELETE", format!("/api/queue/failed/{}", message.id));
    mix.send_to_previous(&retry(&sent[0])).await?.ensure(200)?;
    mix.send_to_current(&retry(&sent[1])).await?.ensure(200)?;
    mix.send_to_previous(&dismiss(&sent[2])).await?.ensure(200)?;
    mix.send_to_current(&dismiss(&sent[3])).await?.ensure(200)?;
    let redrive = operator
        .request("POST", "/api/queue/redrive")
        .json(&json!({ "error_code": "blocked_by_safety", "limit": 1 }));
    let (first, second) = (mix.send_to_previous(&redrive).await?, mix.send_to_current(&redrive).await?);
    for response in [first, second] {
        let redriven = response.ensure(200)?.body["redriven"].clone();
        check!(mix.run, redriven == 1, "a redrive of one message retried {redriven}");
    }
    let dismissed = sent.drain(2..4).map(|message| message.id).collect::<Vec<_>>();
    let left = "SELECT count(*) FROM generations g JOIN messages m USING (id)
        WHERE g.id = ANY ($1) AND g.status = 'failed' AND g.dismissed_at IS NOT NULL AND m.dismissed_at = g.dismissed_at";
    let left: i64 = mix.run.db.value(left, &[&dismissed]).await?;
    check!(mix.run, left == 2, "{left} of 2 dismissed messages are dismissed for both releases");
    Ok(sent)
}

/// Puts messages on the dead-letter queue whose attempts the other release has used up, and lets each
/// release sweep.
pub async fn sweep_dead_letters(mix: &Mix<'_>, user: &TestUser, max_attempts: i32) -> Result<()> {
    let used_up = [
        ("messages", true, "UPDATE messages SET attempts = $2 WHERE id = $1"),
        ("generations", false, "UPDATE generations SET attempts = $2 WHERE id = $1"),
    ];
    for (table, is_swept_by_current, used_up) in used_up {
        let room = user.create_chatroom(mix).await?;
        let sent = user.send_message(mix, &room).await?;
        let item = mix.run.receive_message(&sent).await?;
        mix.run.delete(&item).await?;
        ensure!(mix.run.db.execute(used_up, &[&sent.id, &max_attempts]).await? == 1, "no such message");
        let letter = json!({
            "QueueUrl": mix.run.var("MESSAGE_DEAD_LETTER_QUEUE_URL")?, "MessageBody": item["Body"],
            "MessageGroupId": room, "MessageDeduplicationId": Uuid::new_v4(),
        });
        mix.run.aws.sqs("SendMessage", &letter).await?;
        if is_swept_by_current {
            mix.run.sweep().await?
        } else {
            mix.previous.sweep().await?
        };
        let state = "SELECT concat_ws(' ', m.processing_status, m.error_code, g.status, g.error_code)
            FROM messages m JOIN generations g USING (id) WHERE id = $1";
        let state: String = mix.run.db.value(state, &[&sent.id]).await?;
        check!(
            mix.run,
            state == "failed internal failed internal",
            "a dead letter, with attempts in {table}, is {state} after the sweep of the other release"
        );
    }
    Ok(())
}

/// Compares what both releases answer to the same requests, in all that the release before answers.
pub async fn compare(mix: &Mix<'_>, user: &TestUser, rooms: &[String]) -> Result<()> {
    const SENT: &str =
        "SELECT m.id FROM messages m JOIN users u ON u.id = m.user_id WHERE u.mobile_number = $1";
    let sent = mix.run.db.query(SENT, &[&user.number]).await?;
    ensure!(!sent.is_empty() && !rooms.is_empty(), "nothing to compare");
    let rooms = rooms.iter().map(|room| format!("/api/chatroom/{room}?limit=100"));
    let statuses = sent.iter().map(|row| format!("/api/chatroom/message/{}/status", row.get::<_, Uuid>(0)));
    let paths =
        ["/api/chatroom?limit=100", "/api/user/me", "/api/user/stats", "/api/user/usage"].map(str::to_owned);
    for path in rooms.chain(statuses).chain(paths) {
        let request = user.request("GET", path.as_str());
        let before = mix.previous.send(&request).await?.ensure(200)?.body;
        let now = mix.run.send(&request).await?.ensure(200)?.body;
        check!(
            mix.run,
            contains(&now, &before),
            "{path}: the release before answers {before}, this one {now}"
        );
    }
    Ok(())
}

/// Whether `now` has all members of `before` with equal values; whether a list is cached may differ.
fn contains(now: &Value, before: &Value) -> bool {
    match (now, before) {
        (Value::Object(now), Value::Object(before)) => before.iter().all(|(name, value)| {
            name == "cached" || now.get(name).is_some_and(|other| contains(other, value))
        }),
        (Value::Array(now), Value::Array(before)) => {
            now.len() == before.len() && now.iter().zip(before).all(|(now, before)| contains(now, before))
        }
        _ => now == before,
    }
}
