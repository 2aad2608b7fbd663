//! What came of it: read off the database, and off what Gemini was asked.

use anyhow::Result;
use harness::person::Sent;
use harness::world::World;
use uuid::Uuid;

use super::figure::Figure;

/// Notes in `figure` which of the accepted messages were not answered, what was answered twice, and how many calls to
/// Gemini there were beyond one a message.
pub(crate) async fn answered(world: &World, sent: &[Sent], figure: &mut Figure) -> Result<()> {
    const LOST: &str =
        "SELECT wanted.id, coalesce(m.processing_status, 'gone') || coalesce(' ' || m.error_code, '')
        FROM unnest($1::uuid[]) AS wanted (id) LEFT JOIN messages m ON m.id = wanted.id
        WHERE m.processing_status IS DISTINCT FROM 'completed'
            OR NOT EXISTS (SELECT FROM messages a WHERE a.reply_to = wanted.id)";
    let ids: Vec<Uuid> = sent.iter().map(|message| message.id).collect();
    let lost = world.db.query(LOST, &[&ids]).await?;
    for row in lost.iter().take(3) {
        let (id, state): (Uuid, String) = (row.get(0), row.get(1));
        figure.check(false, || format!("{id} was accepted and is {state}"));
    }
    figure.count(lost.len(), duplicates(world).await?);
    figure.extra_calls +=
        sent.iter().map(|message| world.gemini.calls(&message.text).saturating_sub(1)).sum::<usize>();
    Ok(())
}

/// How many answers there are beyond one a message; and the counters must say as many as there are.
async fn duplicates(world: &World) -> Result<usize> {
    const SQL: &str = "SELECT greatest(
        (SELECT count(*) - count(DISTINCT reply_to) FROM messages WHERE message_type = 'ai'),
        (SELECT coalesce(sum(ai_response_count), 0)::bigint FROM users)
            - (SELECT count(DISTINCT reply_to) FROM messages WHERE message_type = 'ai'))";
    let duplicates: i64 = world.db.query_one(SQL, &[]).await?.get(0);
    Ok(usize::try_from(duplicates).unwrap_or(usize::MAX))
}

/// How many answers stand in a room before the answer to an earlier question.
pub(crate) async fn inversions(world: &World) -> Result<i64> {
    const SQL: &str = "SELECT count(*) FROM (
            SELECT q.position < lag(q.position) OVER (PARTITION BY a.chatroom_id ORDER BY a.position) AS inverted
            FROM messages a JOIN messages q ON q.id = a.reply_to
        ) answers WHERE inverted";
    Ok(world.db.query_one(SQL, &[]).await?.get(0))
}
