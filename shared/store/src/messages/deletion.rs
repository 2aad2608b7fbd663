//! Deletes a message with everything that follows it.

use deadpool_postgres::GenericClient;
use domain::{ChatroomId, GenerationId, MessageId, UserId};
use tokio_postgres::types::ToSql;

use crate::StoreError;
use crate::messages::branches::{Node, activate, lock_message};
use crate::messages::tree;

/// Deletes the message of `owner`, what follows it on all branches, and their generations. Refunds
/// the units of generations for which the model was never called. If the message was on the active
/// branch, its nearest sibling becomes active. Returns the chatroom, or `None` if `owner` has no
/// such message.
pub async fn delete_message(
    db: &mut impl GenericClient,
    owner: UserId,
    message: MessageId,
) -> Result<Option<ChatroomId>, StoreError> {
    let transaction = db.transaction().await?;
    let Some(node) = lock_message(&transaction, owner, message).await? else { return Ok(None) };
    let sibling =
        if node.on_active_branch { nearest_sibling(&transaction, node, message).await? } else { None };
    delete_subtree(&transaction, node, message).await?;
    if let Some((question, generation)) = sibling {
        activate(&transaction, node.chatroom_id, question, generation).await?;
    }
    transaction.commit().await?;
    Ok(Some(node.chatroom_id))
}

/// The sibling before the message, or else the one after it, and the generation to show of it.
async fn nearest_sibling(
    db: &impl GenericClient,
    node: Node,
    message: MessageId,
) -> Result<Option<(MessageId, GenerationId)>, StoreError> {
    const QUESTION: &str = "
        SELECT s.id AS question_id, coalesce(s.active_generation_id, s.id) AS generation_id
        FROM messages m JOIN messages s ON s.parent_generation_id = m.parent_generation_id
        WHERE m.id = $1 AND s.id <> m.id
        ORDER BY s.position > m.position, abs(s.position - m.position) LIMIT 1";
    const ANSWER: &str = "
        SELECT s.question_id, s.id AS generation_id
        FROM generations g JOIN generations s ON s.question_id = g.question_id
        JOIN messages a ON a.generation_id = s.id OR a.reply_to = s.id AND a.generation_id IS NULL
        WHERE g.id = $1 AND s.id <> g.id
        ORDER BY s.number > g.number, abs(s.number - g.number) LIMIT 1";
    let (sql, id) = if node.is_answer { (ANSWER, node.generation_id.0) } else { (QUESTION, message.0) };
    let statement = db.prepare_cached(sql).await?;
    let row = db.query_opt(&statement, &[&id]).await?;
    row.map(|row| Ok((MessageId(row.try_get("question_id")?), GenerationId(row.try_get("generation_id")?))))
        .transpose()
}

/// Deletes the message, the questions below it and their answers and generations, and updates the
/// counters. The generation of a deleted answer stays, without an answer.
async fn delete_subtree(db: &impl GenericClient, node: Node, message: MessageId) -> Result<(), StoreError> {
    const LAST: &str = "
        UPDATE chatrooms SET last_message_at =
            (SELECT created_at FROM messages WHERE chatroom_id = $1 ORDER BY position DESC LIMIT 1)
        WHERE id = $1";
    // The counts in the conditions force an order: generations, messages, refund, counters. All
    // statements take their locks in that order, so they cannot deadlock.
    let sql = format!(
        "WITH RECURSIVE root AS (
            SELECT * FROM messages WHERE id = $1
        ), questions AS (
            SELECT id, chatroom_id, position FROM root WHERE NOT $3
            UNION ALL
            SELECT c.id, c.chatroom_id, c.position FROM messages q CROSS JOIN LATERAL ({children_of_answer}) c
            WHERE $3 AND q.id = $4
            UNION ALL
            SELECT c.id, c.chatroom_id, c.position FROM questions q CROSS JOIN LATERAL (
                SELECT g.id AS generation_id FROM generations g WHERE g.question_id = q.id
                UNION
                SELECT q.id
            ) g CROSS JOIN LATERAL ({children}) c
        ), gone AS (
            DELETE FROM generations g USING questions WHERE g.question_id = questions.id
            RETURNING g.id, g.user_id, g.quota_day, g.status, g.attempts
        ), answers AS (
            SELECT a.id FROM gone JOIN messages a ON a.generation_id = gone.id
            UNION
            SELECT a.id FROM questions JOIN messages a ON a.reply_to = questions.id
            UNION
            SELECT id FROM root
        ), emptied AS (
            DELETE FROM messages m USING (SELECT id FROM questions UNION SELECT id FROM answers) AS doomed
            WHERE m.id = doomed.id AND (SELECT count(*) FROM gone) >= 0
            RETURNING m.message_type
        ), untouched AS (
            SELECT user_id, quota_day, count(*)::integer AS units FROM gone
            WHERE status = 'pending' AND attempts = 0 GROUP BY user_id, quota_day
        ), refundable AS (
            SELECT d.user_id, d.day, least(untouched.units, coalesce(d.refund_limit - d.refunds, untouched.units)) AS units
            FROM daily_usage d JOIN untouched ON d.user_id = untouched.user_id AND d.day = untouched.quota_day
            WHERE (SELECT count(*) FROM emptied) >= 0
            FOR UPDATE OF d
        ), refunded AS (
            UPDATE daily_usage d SET messages = greatest(d.messages - refundable.units, 0),
                refunds = d.refunds + refundable.units
            FROM refundable WHERE d.user_id = refundable.user_id AND d.day = refundable.day AND refundable.units > 0
            RETURNING 1
        ), counts AS (
            SELECT count(*) AS total, count(*) FILTER (WHERE message_type = 'ai') AS answers FROM emptied
            WHERE (SELECT count(*) FROM refunded) >= 0
        ), counted_in_chatroom AS (
            UPDATE chatrooms c SET message_count = c.message_count - counts.total,
                ai_response_count = c.ai_response_count - counts.answers
            FROM counts WHERE c.id = $2
            RETURNING c.user_id
        )
        UPDATE users u SET message_count = u.message_count - (counts.total - counts.answers),
            ai_response_count = u.ai_response_count - counts.answers
        FROM counts, counted_in_chatroom WHERE u.id = counted_in_chatroom.user_id",
        children_of_answer = tree::children_of("q", "$5::uuid"),
        children = tree::children_of("q", "g.generation_id"),
    );
    let parameters: [&(dyn ToSql + Sync); 5] =
        [&message.0, &node.chatroom_id.0, &node.is_answer, &node.question_id.0, &node.generation_id.0];
    let statement = db.prepare_cached(&sql).await?;
    db.execute(&statement, &parameters).await?;
    let statement = db.prepare_cached(LAST).await?;
    db.execute(&statement, &[&node.chatroom_id.0]).await?;
    Ok(())
}
