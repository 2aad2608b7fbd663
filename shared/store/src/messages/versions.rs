//! The versions of a question: itself, and the corrected questions beside it.

use deadpool_postgres::GenericClient;
use domain::{ChatroomId, MessageId, UserId};
use uuid::Uuid;

use crate::StoreError;

/// A version of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The id.
    pub id: MessageId,
    /// The text.
    pub content: String,
}

/// A question, and the version that its chatroom shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versions {
    /// The question that was looked for.
    pub named: Version,
    /// The version at its place that the chatroom shows; the newest one if it shows another branch.
    /// It may be the question itself.
    pub shown: Version,
}

/// Finds the question of `owner` in `chatroom` whose id is one of `ids`.
pub async fn find_versions(
    db: &impl GenericClient,
    owner: UserId,
    chatroom: ChatroomId,
    ids: &[MessageId],
) -> Result<Option<Versions>, StoreError> {
    const SQL: &str = "
        SELECT q.id, q.content, coalesce(shown.id, q.id) AS shown_id, coalesce(shown.content, q.content) AS shown_content
        FROM messages q LEFT JOIN LATERAL (
            SELECT s.id, s.content FROM messages s
            WHERE s.parent_generation_id = q.parent_generation_id AND s.user_id = q.user_id AND s.message_type = 'user'
            ORDER BY s.on_active_branch DESC, s.position DESC LIMIT 1
        ) shown ON true
        WHERE q.id = ANY ($3) AND q.user_id = $1 AND q.chatroom_id = $2 AND q.message_type = 'user'
        LIMIT 1";
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let statement = db.prepare_cached(SQL).await?;
    let Some(row) = db.query_opt(&statement, &[&owner.0, &chatroom.0, &ids]).await? else { return Ok(None) };
    let version = |id: &str, content: &str| {
        Ok::<_, StoreError>(Version { id: MessageId(row.try_get(id)?), content: row.try_get(content)? })
    };
    Ok(Some(Versions { named: version("id", "content")?, shown: version("shown_id", "shown_content")? }))
}
