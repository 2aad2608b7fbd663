//! Chatrooms by the ids that clients have made for them.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use domain::{ChatroomId, MessageId, UserId, title};
use uuid::Uuid;

use crate::StoreError;

/// The chatroom of the owner `$1` with the id `$2`, or else the one that clients call `$3`.
const CHATROOM: &str = "
    SELECT id FROM chatrooms WHERE id = $2 AND user_id = $1
    UNION ALL
    SELECT id FROM chatrooms WHERE user_id = $1 AND client_id = $3
    LIMIT 1";

/// Finds the chatroom of `owner` whose id is `id`, or which a client calls `id`.
pub async fn find(
    db: &impl GenericClient,
    owner: UserId,
    id: &str,
) -> Result<Option<ChatroomId>, StoreError> {
    let statement = db.prepare_cached(CHATROOM).await?;
    let row = db.query_opt(&statement, &[&owner.0, &id.parse::<Uuid>().ok(), &id]).await?;
    Ok(row.map(|row| row.try_get("id")).transpose()?.map(ChatroomId))
}

/// Inserts the chatroom `id` of `owner`, which a client calls `client_id`, without a name of its own:
/// it gets a title. Returns false if there is such a chatroom already; waits for a transaction that is
/// inserting it. Returns false as well if the deletion of the account has started.
///
/// The caller must [count](count_chatroom) it in the same transaction, after its first message: other
/// statements lock the row of the user last.
pub async fn insert_chatroom(
    db: &impl GenericClient,
    owner: UserId,
    id: ChatroomId,
    client_id: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    const SQL: &str = "
        INSERT INTO chatrooms (id, user_id, name, title_state, client_id, created_at, updated_at)
        SELECT $1, users.id, $3, 'wanted', $4, $5, $5 FROM users
        WHERE users.id = $2 AND users.deleted_at IS NULL
        ON CONFLICT (user_id, client_id) WHERE client_id IS NOT NULL DO NOTHING";
    let statement = db.prepare_cached(SQL).await?;
    Ok(db.execute(&statement, &[&id.0, &owner.0, &title::PLACEHOLDER, &client_id, &now]).await? == 1)
}

/// Counts a chatroom that [`insert_chatroom`] has inserted for `owner`.
pub async fn count_chatroom(db: &impl GenericClient, owner: UserId) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE users SET chatroom_count = chatroom_count + 1 WHERE id = $1";
    let statement = db.prepare_cached(SQL).await?;
    db.execute(&statement, &[&owner.0]).await?;
    Ok(())
}

/// Finds the newest question that the chatroom of `owner` shows and that is being answered. The
/// chatroom is the one that [`find`] finds.
pub async fn find_unanswered(
    db: &impl GenericClient,
    owner: UserId,
    id: &str,
) -> Result<Option<MessageId>, StoreError> {
    let sql = format!(
        "WITH room AS ({CHATROOM})
        SELECT m.id FROM room JOIN generations g ON g.chatroom_id = room.id AND g.sweep_at IS NOT NULL
        JOIN messages m ON m.id = g.question_id AND g.id = coalesce(m.active_generation_id, m.id)
        WHERE m.on_active_branch
        ORDER BY g.position DESC LIMIT 1"
    );
    let statement = db.prepare_cached(&sql).await?;
    let row = db.query_opt(&statement, &[&owner.0, &id.parse::<Uuid>().ok(), &id]).await?;
    Ok(row.map(|row| row.try_get("id")).transpose()?.map(MessageId))
}
