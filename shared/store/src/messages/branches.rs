//! Branches: continues an earlier message, edits a question, and switches between the branches of a
//! chatroom.
//!
//! Each function locks the chatroom first, and changes it in one transaction.

use deadpool_postgres::GenericClient;
use domain::plan::DailyLimits;
use domain::{ChatroomId, GenerationId, MessageId, UserId};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::StoreError;
use crate::messages::sending::{self, NewMessage, Place, SendOutcome};
use crate::messages::tree;

/// A question of a locked chatroom, and one of its generations.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    pub(super) chatroom_id: ChatroomId,
    pub(super) question_id: MessageId,
    /// Of an answer its own generation; of a question the one that the chatroom shows.
    pub(super) generation_id: GenerationId,
    pub(super) is_answer: bool,
    pub(super) on_active_branch: bool,
}

/// Locks the chatroom of the message of `owner`, and finds the message in it.
pub(super) async fn lock_message(
    db: &impl GenericClient,
    owner: UserId,
    message: MessageId,
) -> Result<Option<Node>, StoreError> {
    const LOCK: &str = "
        SELECT id FROM chatrooms WHERE id = (SELECT chatroom_id FROM messages WHERE id = $1 AND user_id = $2)
        FOR NO KEY UPDATE";
    // A separate statement: only a later snapshot sees what was committed while the lock waited.
    const SQL: &str = "
        SELECT m.chatroom_id, m.message_type = 'ai' AS is_answer, m.on_active_branch,
            CASE WHEN m.message_type = 'ai' THEN coalesce(m.reply_to, g.question_id) ELSE m.id END AS question_id,
            CASE WHEN m.message_type = 'ai' THEN coalesce(m.generation_id, m.reply_to)
                ELSE coalesce(m.active_generation_id, m.id) END AS generation_id
        FROM messages m LEFT JOIN generations g ON g.id = m.generation_id
        WHERE m.id = $1 AND m.user_id = $2";
    let parameters: [&(dyn ToSql + Sync); 2] = [&message.0, &owner.0];
    let statement = db.prepare_cached(LOCK).await?;
    if db.query_opt(&statement, &parameters).await?.is_none() {
        return Ok(None);
    }
    let statement = db.prepare_cached(SQL).await?;
    let Some(row) = db.query_opt(&statement, &parameters).await? else { return Ok(None) };
    Ok(Some(Node {
        chatroom_id: ChatroomId(row.try_get("chatroom_id")?),
        question_id: MessageId(row.try_get("question_id")?),
        generation_id: GenerationId(row.try_get("generation_id")?),
        is_answer: row.try_get("is_answer")?,
        on_active_branch: row.try_get("on_active_branch")?,
    }))
}

/// Makes the branch active that contains `question` with its `generation`. Above the question it
/// leads to the first message; below, it follows the messages that were active, or else the newest.
/// Changes only the messages below the point where the two branches part.
pub(super) async fn activate(
    db: &impl GenericClient,
    chatroom: ChatroomId,
    question: MessageId,
    generation: GenerationId,
) -> Result<(), StoreError> {
    let sql = format!(
        "WITH RECURSIVE target AS (
            SELECT id, chatroom_id, position, parent_generation_id, on_active_branch, $2::uuid AS generation_id
            FROM messages WHERE id = $1
        ), up AS (
            SELECT * FROM target
            UNION ALL
            SELECT p.id, p.chatroom_id, p.position, p.parent_generation_id, p.on_active_branch,
                coalesce(up.parent_generation_id, p.id)
            FROM up JOIN messages p ON p.id = {parent} WHERE NOT up.on_active_branch
        ), down AS (
            SELECT * FROM target
            UNION ALL
            SELECT c.id, c.chatroom_id, c.position, c.parent_generation_id, c.on_active_branch,
                coalesce(c.active_generation_id, c.id)
            FROM down CROSS JOIN LATERAL (
                SELECT * FROM ({children}) AS child ORDER BY on_active_branch DESC, position DESC LIMIT 1
            ) AS c
        ), line AS (
            SELECT id, generation_id FROM up UNION SELECT id, generation_id FROM down
        ), questions AS (
            SELECT id FROM line
            UNION
            SELECT id FROM messages
            WHERE chatroom_id = $3 AND on_active_branch AND message_type = 'user'
                AND position >= (SELECT coalesce(min(position) FILTER (WHERE on_active_branch), 0) FROM up)
        ), shown AS (
            SELECT questions.id, line.id IS NOT NULL AS is_shown, line.generation_id
            FROM questions LEFT JOIN line ON line.id = questions.id
            UNION ALL
            SELECT a.id, coalesce(line.generation_id = a.generation_id, false), NULL
            FROM questions JOIN generations g ON g.question_id = questions.id
            JOIN messages a ON a.generation_id = g.id LEFT JOIN line ON line.id = questions.id
            UNION ALL
            SELECT a.id, coalesce(line.generation_id = a.reply_to, false), NULL
            FROM questions JOIN messages a ON a.reply_to = questions.id AND a.generation_id IS NULL
            LEFT JOIN line ON line.id = questions.id
        )
        UPDATE messages m SET on_active_branch = shown.is_shown,
            active_generation_id = coalesce(shown.generation_id, m.active_generation_id)
        FROM shown
        WHERE m.id = shown.id
            AND (m.on_active_branch <> shown.is_shown
                OR shown.generation_id <> coalesce(m.active_generation_id, m.id))",
        parent = tree::parent_of("up"),
        children = tree::children_of("down", "down.generation_id"),
    );
    let statement = db.prepare_cached(&sql).await?;
    db.execute(&statement, &[&question.0, &generation.0, &chatroom.0]).await?;
    Ok(())
}

/// Makes the branch of `chatroom` active that contains the message of `owner`. Returns whether
/// `owner` has such a message there.
pub async fn switch(
    db: &mut impl GenericClient,
    owner: UserId,
    chatroom: ChatroomId,
    message: MessageId,
) -> Result<bool, StoreError> {
    let transaction = db.transaction().await?;
    let found = lock_message(&transaction, owner, message).await?;
    let Some(node) = found.filter(|node| node.chatroom_id == chatroom) else { return Ok(false) };
    if !node.on_active_branch {
        activate(&transaction, chatroom, node.question_id, node.generation_id).await?;
    }
    transaction.commit().await?;
    Ok(true)
}

/// Stores `message` after the message `parent` on any branch of the chatroom, and makes that branch
/// active. `None` if the chatroom has no message `parent`.
pub async fn send_after(
    db: &mut impl GenericClient,
    sender: UserId,
    parent: MessageId,
    message: NewMessage<'_>,
    limits: DailyLimits,
) -> Result<Option<SendOutcome>, StoreError> {
    let transaction = db.transaction().await?;
    let Some(node) = lock_message(&transaction, sender, parent).await? else { return Ok(None) };
    if node.chatroom_id != message.chatroom_id {
        return Ok(None);
    }
    let place = Place::Branch(Some(node.generation_id));
    let sent = sending::insert_message(&transaction, sender, NewMessage { place, ..message }, limits).await?;
    if matches!(sent, SendOutcome::Accepted { .. }) {
        show_new_message(&transaction, message).await?;
        transaction.commit().await?;
    }
    Ok(Some(sent))
}

async fn show_new_message(db: &impl GenericClient, message: NewMessage<'_>) -> Result<(), StoreError> {
    // It was inserted as part of the active branch, which it is not yet.
    const HIDE: &str = "UPDATE messages SET on_active_branch = false WHERE id = $1";
    let statement = db.prepare_cached(HIDE).await?;
    db.execute(&statement, &[&message.id.0]).await?;
    mark_branches(db, message.chatroom_id).await?;
    activate(db, message.chatroom_id, message.id, GenerationId::first_of(message.id)).await
}

/// Notes that the chatroom has branches.
pub(super) async fn mark_branches(db: &impl GenericClient, chatroom: ChatroomId) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE chatrooms SET has_branches = true WHERE id = $1 AND NOT has_branches";
    let statement = db.prepare_cached(SQL).await?;
    db.execute(&statement, &[&chatroom.0]).await?;
    Ok(())
}

/// The result of editing a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EditOutcome {
    /// The new question was sent, or refused, as any other.
    Sent(SendOutcome, ChatroomId),
    /// The message is an answer.
    NotAQuestion,
    /// The owner has no such message.
    NotFound,
}

/// Stores `message` beside the question `edited`, and makes its branch active. The chatroom of
/// `message` is replaced by that of `edited`.
pub async fn edit(
    db: &mut impl GenericClient,
    owner: UserId,
    edited: MessageId,
    message: NewMessage<'_>,
    limits: DailyLimits,
) -> Result<EditOutcome, StoreError> {
    let transaction = db.transaction().await?;
    let Some(node) = lock_message(&transaction, owner, edited).await? else {
        return Ok(EditOutcome::NotFound);
    };
    if node.is_answer {
        return Ok(EditOutcome::NotAQuestion);
    }
    let parent = settle_parent(&transaction, edited).await?;
    let generation = (parent != node.chatroom_id.0).then_some(GenerationId(parent));
    let chatroom_id = node.chatroom_id;
    let message = NewMessage { chatroom_id, place: Place::Branch(generation), ..message };
    let sent = sending::insert_message(&transaction, owner, message, limits).await?;
    if matches!(sent, SendOutcome::Accepted { .. }) {
        show_new_message(&transaction, message).await?;
        transaction.commit().await?;
    }
    Ok(EditOutcome::Sent(sent, chatroom_id))
}

/// Stores which generation `question` follows, if it is from before the tree, so that it can have
/// siblings. Returns that generation, or the id of the chatroom.
async fn settle_parent(db: &impl GenericClient, question: MessageId) -> Result<Uuid, StoreError> {
    let sql = format!(
        "UPDATE messages m SET parent_generation_id =
            coalesce(m.parent_generation_id, (SELECT p.id FROM messages p WHERE p.id = {parent}), m.chatroom_id)
        WHERE m.id = $1
        RETURNING m.parent_generation_id",
        parent = tree::parent_of("m")
    );
    let statement = db.prepare_cached(&sql).await?;
    Ok(db.query_one(&statement, &[&question.0]).await?.try_get("parent_generation_id")?)
}
