//! Checks of the stored state after a scenario, and of the calls that mock Gemini received.

use anyhow::Result;
use harness::{SentMessage, TestEnvironment};
use uuid::Uuid;

use super::ScenarioResult;

/// Counts in `result` the accepted messages without an answer, the duplicate answers, and the calls
/// to Gemini beyond one per message.
pub async fn check_answers(
    env: &TestEnvironment,
    sent: &[SentMessage],
    result: &mut ScenarioResult,
) -> Result<()> {
    const LOST: &str =
        "SELECT sent.id, coalesce(m.processing_status, 'deleted') || coalesce(' ' || m.error_code, '')
        FROM unnest($1::uuid[]) AS sent (id) LEFT JOIN messages m ON m.id = sent.id
        WHERE m.processing_status IS DISTINCT FROM 'completed'
            OR NOT EXISTS (SELECT FROM messages a WHERE a.reply_to = sent.id)";
    // The second term compares the users' counters with the stored answers.
    const DUPLICATES: &str = "SELECT greatest(
        (SELECT count(*) - count(DISTINCT reply_to) FROM messages WHERE message_type = 'ai'),
        (SELECT coalesce(sum(ai_response_count), 0)::bigint FROM users)
            - (SELECT count(DISTINCT reply_to) FROM messages WHERE message_type = 'ai'))";
    let ids: Vec<Uuid> = sent.iter().map(|message| message.id).collect();
    let lost = env.db.query(LOST, &[&ids]).await?;
    for row in lost.iter().take(3) {
        let (id, state): (Uuid, String) = (row.get(0), row.get(1));
        result.check(false, || format!("message {id} was accepted and is {state}"));
    }
    let duplicates: i64 = env.db.value(DUPLICATES, &[]).await?;
    result.count(lost.len(), usize::try_from(duplicates).unwrap_or(usize::MAX));
    result.extra_calls +=
        sent.iter().map(|message| env.gemini.calls(&message.text).saturating_sub(1)).sum::<usize>();
    Ok(())
}

/// Checks that no answer is stored before the answer to an earlier question of its chatroom.
pub async fn check_order(env: &TestEnvironment, result: &mut ScenarioResult) -> Result<()> {
    const SQL: &str = "SELECT count(*) FROM (
            SELECT q.position < lag(q.position) OVER (PARTITION BY a.chatroom_id ORDER BY a.position) AS inverted
            FROM messages a JOIN messages q ON q.id = a.reply_to
        ) answers WHERE inverted";
    let inversions: i64 = env.db.value(SQL, &[]).await?;
    result.check(inversions == 0, || format!("{inversions} answers out of order"));
    result.observe(format!("{inversions} inversions"));
    Ok(())
}

/// A message's status, error code and number of attempts, as `failed timeout 3`.
pub async fn outcome(env: &TestEnvironment, message: Uuid) -> Result<String> {
    const SQL: &str =
        "SELECT concat_ws(' ', processing_status, error_code, attempts) FROM messages WHERE id = $1";
    env.db.value(SQL, &[&message]).await
}
