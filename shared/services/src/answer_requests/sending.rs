//! Sends a message, or a corrected one beside the first.

use app::AppState;
use app::metrics::MetricEvent;
use chrono::{DateTime, Utc};
use domain::quota::{self, Usage};
use domain::{ChatroomId, GenerationId, MessageId, RequestOrigin, UserId};
use store::chatrooms::client_ids;
use store::messages;
use store::messages::branches::{self, EditOutcome};
use store::messages::sending::{self, NewMessage, Place, SendOutcome};

use super::{
    AnswerRequestError, MessageReceipt, check_paused, enqueue, quota_exhausted, spend_cap_reached,
    usage_today,
};
use crate::Execution;

/// A question to send.
#[derive(Debug, Clone, Copy)]
pub struct NewQuestion<'a> {
    /// The chatroom.
    pub chatroom_id: ChatroomId,
    /// The text.
    pub content: &'a str,
    /// The message that it follows, on any branch. `None`: the last one on the active branch.
    pub parent: Option<MessageId>,
}

impl<'a> NewQuestion<'a> {
    fn message(self, id: MessageId, now: DateTime<Utc>, origin: Option<&'a RequestOrigin>) -> NewMessage<'a> {
        let place = self.parent.map_or(Place::End, Place::EndAfter);
        let NewQuestion { chatroom_id, content, .. } = self;
        NewMessage { id, chatroom_id, content, day: quota::day_of(now), created_at: now, place, origin }
    }
}

/// Sends `question` of `sender`.
///
/// # Errors
/// The sender has no such chatroom, or it has no such parent; a limit of the day is reached; or
/// Postgres does not respond.
pub async fn send(
    app: &AppState,
    sender: UserId,
    question: NewQuestion<'_>,
    execution: Execution,
) -> Result<MessageReceipt, AnswerRequestError> {
    let insert = async |id, now| {
        let origin = app::trace::current();
        let message = question.message(id, now, origin.as_ref());
        let sent = insert(app, sender, message, question.parent).await?;
        Ok((sent, question.chatroom_id))
    };
    send_once(app, sender, execution, insert).await
}

/// Sends `question` of `sender` as the message `id`. `None` if this message is stored already.
///
/// # Errors
/// As those of [`send`].
pub async fn send_new(
    app: &AppState,
    sender: UserId,
    question: NewQuestion<'_>,
    id: MessageId,
) -> Result<Option<MessageReceipt>, AnswerRequestError> {
    check_paused(app, None).await?;
    let (now, origin) = (app.clock.now(), app::trace::current());
    let message = question.message(id, now, origin.as_ref());
    match insert(app, sender, message, question.parent).await {
        Ok(sent) => enqueue_sent(app, sender, (question.chatroom_id, id), sent, now).await.map(Some),
        Err(AnswerRequestError::Store(error)) if error.violates("messages_pkey") => Ok(None),
        Err(error) => Err(error),
    }
}

/// Creates the chatroom that a client calls `client_id`, and sends `question` of `owner` in it. A
/// message that is refused creates no chatroom. `None` if another request has created it.
///
/// # Errors
/// A limit of the day is reached, the account is closed, or Postgres does not respond.
pub async fn send_in_new_chatroom(
    app: &AppState,
    owner: UserId,
    client_id: &str,
    question: NewQuestion<'_>,
    id: MessageId,
) -> Result<Option<MessageReceipt>, AnswerRequestError> {
    check_paused(app, None).await?;
    let (now, origin) = (app.clock.now(), app::trace::current());
    let mut db = app.db().await?;
    let transaction = db.transaction().await.map_err(store::StoreError::from)?;
    if !client_ids::insert_chatroom(&transaction, owner, question.chatroom_id, client_id, now).await? {
        return Ok(None);
    }
    let message = question.message(id, now, origin.as_ref());
    let sent = sending::insert_message(&transaction, owner, message, app.config.daily_limits).await?;
    if matches!(sent, SendOutcome::Accepted { .. }) {
        client_ids::count_chatroom(&transaction, owner).await?;
        transaction.commit().await.map_err(store::StoreError::from)?;
    } else {
        drop(transaction);
    }
    drop(db);
    enqueue_sent(app, owner, (question.chatroom_id, id), sent, now).await.map(Some)
}

/// Sends a corrected question of `owner` beside the question `edited`.
///
/// # Errors
/// The owner has no such question, a limit of the day is reached, or Postgres does not respond.
pub async fn edit(
    app: &AppState,
    owner: UserId,
    edited: MessageId,
    content: &str,
    execution: Execution,
) -> Result<MessageReceipt, AnswerRequestError> {
    let insert = async |id: MessageId, now| {
        // Its place and chatroom are those of the edited message.
        let question = NewQuestion { chatroom_id: ChatroomId(id.0), content, parent: None };
        let (mut db, limits) = (app.db().await?, app.config.daily_limits);
        let origin = app::trace::current();
        let message = question.message(id, now, origin.as_ref());
        match branches::edit(&mut db, owner, edited, message, limits).await? {
            EditOutcome::Sent(sent, chatroom) => Ok((sent, chatroom)),
            EditOutcome::NotAQuestion => Err(AnswerRequestError::NotAQuestion),
            EditOutcome::NotFound => Err(AnswerRequestError::NotFound("message")),
        }
    };
    send_once(app, owner, execution, insert).await
}

/// Stores a message with the id of `execution` by `insert`, and enqueues it; or completes an earlier
/// execution that has stored it.
async fn send_once(
    app: &AppState,
    sender: UserId,
    execution: Execution,
    insert: impl AsyncFnOnce(MessageId, DateTime<Utc>) -> Result<(SendOutcome, ChatroomId), AnswerRequestError>,
) -> Result<MessageReceipt, AnswerRequestError> {
    let (now, id) = (app.clock.now(), MessageId(execution.id));
    if execution.is_retry
        && let Some(receipt) = resume(app, sender, id).await?
    {
        return Ok(receipt);
    }
    check_paused(app, None).await?;
    match insert(id, now).await {
        Ok((sent, chatroom)) => enqueue_sent(app, sender, (chatroom, id), sent, now).await,
        // An earlier execution was aborted while its statement waited, but the statement completed; or
        // two executions run at once.
        Err(AnswerRequestError::Store(error)) if error.violates("messages_pkey") => {
            resume(app, sender, id).await?.ok_or_else(|| error.into())
        }
        Err(error) => Err(error),
    }
}

/// Inserts `message`, on another branch if `parent` is not the last message of the active one.
async fn insert(
    app: &AppState,
    sender: UserId,
    message: NewMessage<'_>,
    parent: Option<MessageId>,
) -> Result<SendOutcome, AnswerRequestError> {
    let (mut db, limits) = (app.db().await?, app.config.daily_limits);
    let sent = sending::insert_message(&db, sender, message, limits).await?;
    let (SendOutcome::NotAtEnd, Some(parent)) = (sent, parent) else { return Ok(sent) };
    let sent = branches::send_after(&mut db, sender, parent, message, limits).await?;
    sent.ok_or(AnswerRequestError::ParentNotFound)
}

/// Enqueues the message `id` that was sent, or returns the error for a refused message. `now` is
/// the time at which it was sent.
async fn enqueue_sent(
    app: &AppState,
    sender: UserId,
    (chatroom, id): (ChatroomId, MessageId),
    sent: SendOutcome,
    now: DateTime<Utc>,
) -> Result<MessageReceipt, AnswerRequestError> {
    let limits = app.config.daily_limits;
    let (usage, created_at) = match sent {
        SendOutcome::Accepted { used, tier, created_at } => {
            (Usage::new(used, limits.of(tier), now), created_at)
        }
        SendOutcome::QuotaExhausted { used, tier } => {
            return Err(quota_exhausted(app, Usage::new(used, limits.of(tier), now), now));
        }
        SendOutcome::SpendCapReached(scope) => return Err(spend_cap_reached(app, scope, sender, now)),
        SendOutcome::NotAtEnd | SendOutcome::ChatroomNotFound => {
            return Err(AnswerRequestError::NotFound("chatroom"));
        }
    };
    app.metrics.emit(&MetricEvent::MessageAccepted { message: id });
    let queue_status = enqueue(app, sender, chatroom, id, GenerationId::first_of(id)).await;
    Ok(MessageReceipt { id, created_at, queue_status, usage })
}

/// Completes an earlier execution that was interrupted after it stored the message `id`, perhaps
/// before it reached the queue. `None` if the message is not stored.
async fn resume(
    app: &AppState,
    sender: UserId,
    id: MessageId,
) -> Result<Option<MessageReceipt>, AnswerRequestError> {
    // Each connection returns to the pool before the next, because the pool may have only one.
    let stored = messages::find_status(&app.db().await?, sender, id).await?;
    let Some(stored) = stored else { return Ok(None) };
    let usage = usage_today(app, &app.db().await?, sender).await?;
    let queue_status = enqueue(app, sender, stored.chatroom_id, id, GenerationId::first_of(id)).await;
    Ok(Some(MessageReceipt { id, created_at: stored.message.created_at, queue_status, usage }))
}
