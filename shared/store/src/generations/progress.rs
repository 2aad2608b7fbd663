//! The state of generations, as operators and the sweeper see it: ids and reasons, no text.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use domain::message::{ErrorCode, ProcessingStatus};
use domain::{ChatroomId, GenerationId, MessageId, UserId};
use tokio_postgres::Row;

use crate::StoreError;

/// The state of a generation. It never contains text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The generation.
    pub id: GenerationId,
    /// The message that it answers.
    pub question_id: MessageId,
    /// The chatroom.
    pub chatroom_id: ChatroomId,
    /// The owner.
    pub user_id: UserId,
    /// The status.
    pub status: ProcessingStatus,
    /// Why it failed, if it did.
    pub error_code: Option<ErrorCode>,
    /// The number of attempts.
    pub attempts: i32,
    /// How often it was sent to the queue again.
    pub resends: i32,
    /// When its lease or its wait ends, if it has one.
    pub not_before: Option<DateTime<Utc>>,
    /// When the user requested it.
    pub created_at: DateTime<Utc>,
    /// When its state changed last.
    pub updated_at: DateTime<Utc>,
}

pub(super) const COLUMNS: &str =
    "id, question_id, chatroom_id, user_id, status, error_code, attempts, resends, lease_until,
    created_at, updated_at";

impl TryFrom<&Row> for Progress {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: GenerationId(row.try_get("id")?),
            question_id: MessageId(row.try_get("question_id")?),
            chatroom_id: ChatroomId(row.try_get("chatroom_id")?),
            user_id: UserId(row.try_get("user_id")?),
            status: row.try_get::<_, &str>("status")?.try_into()?,
            error_code: row.try_get::<_, Option<&str>>("error_code")?.map(TryInto::try_into).transpose()?,
            attempts: row.try_get("attempts")?,
            resends: row.try_get("resends")?,
            not_before: row.try_get("lease_until")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}

/// Finds the generation `id` of any user. For operators.
pub async fn find(db: &impl GenericClient, id: GenerationId) -> Result<Option<Progress>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM generations WHERE id = $1");
    let statement = db.prepare_cached(&sql).await?;
    db.query_opt(&statement, &[&id.0]).await?.as_ref().map(TryInto::try_into).transpose()
}
