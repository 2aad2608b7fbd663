//! `feedback`: what users say about answers, and `daily_ratings`, the counts for operators.
//!
//! Triggers of the schema delete the feedback of deleted answers, and keep the counts.

use chrono::{DateTime, NaiveDate, Utc};
use deadpool_postgres::GenericClient;
use domain::feedback::Rating;
use domain::message::MessageType;
use domain::{MessageId, UserId};
use tokio_postgres::Row;

use crate::StoreError;

/// The feedback to an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feedback {
    /// The rating.
    pub rating: Rating,
    /// The reason that the user gives.
    pub comment: Option<String>,
    /// When the user gave or changed it.
    pub updated_at: DateTime<Utc>,
}

/// The columns of the [`Feedback`] in the table `f`. All are NULL if there is none.
pub(crate) const COLUMNS: &str =
    "f.rating AS feedback_rating, f.comment AS feedback_comment, f.updated_at AS feedback_updated_at";

/// Joins the feedback `f` to the message `m`.
pub(crate) const OF_MESSAGE: &str = "LEFT JOIN feedback f ON f.message_id = m.id AND m.message_type = 'ai'";

impl Feedback {
    /// Reads the [`COLUMNS`] of a row.
    pub(crate) fn of_row(row: &Row) -> Result<Option<Self>, StoreError> {
        let Some(rating) = row.try_get::<_, Option<&str>>("feedback_rating")? else { return Ok(None) };
        Ok(Some(Self {
            rating: rating.try_into()?,
            comment: row.try_get("feedback_comment")?,
            updated_at: row.try_get("feedback_updated_at")?,
        }))
    }
}

/// The result of giving or withdrawing feedback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedbackOutcome {
    /// The feedback is stored or withdrawn.
    Saved,
    /// The message is a question; nothing has changed.
    NotAnAnswer,
    /// The owner has no such message.
    NotFound,
}

impl FeedbackOutcome {
    /// The outcome for a row with the type of the message, if `owner` has it.
    fn of_row(row: Option<&Row>) -> Result<Self, StoreError> {
        let Some(row) = row else { return Ok(Self::NotFound) };
        let message_type: MessageType = row.try_get::<_, &str>("message_type")?.try_into()?;
        Ok(if message_type == MessageType::Ai { Self::Saved } else { Self::NotAnAnswer })
    }
}

/// Stores the feedback of `owner` to an answer, in place of any earlier one.
pub async fn update(
    db: &impl GenericClient,
    owner: UserId,
    answer: MessageId,
    rating: Rating,
    comment: Option<&str>,
    now: DateTime<Utc>,
) -> Result<FeedbackOutcome, StoreError> {
    // The lock makes a concurrent deletion of the answer delete this feedback, or find it absent.
    const SQL: &str = "
        WITH message AS (
            SELECT id, user_id, message_type, model, created_at FROM messages WHERE id = $1 AND user_id = $2
            FOR KEY SHARE
        ), saved AS (
            INSERT INTO feedback (message_id, user_id, model, answered_at, rating, comment, updated_at)
            SELECT id, user_id, model, created_at, $3, $4, $5 FROM message WHERE message_type = 'ai'
            ON CONFLICT (message_id) DO UPDATE
                SET rating = excluded.rating, comment = excluded.comment, updated_at = excluded.updated_at
        )
        SELECT message_type FROM message";
    let statement = db.prepare_cached(SQL).await?;
    let row = db.query_opt(&statement, &[&answer.0, &owner.0, &rating.as_str(), &comment, &now]).await?;
    FeedbackOutcome::of_row(row.as_ref())
}

/// Withdraws the feedback of `owner` to an answer, if there is any.
pub async fn delete(
    db: &impl GenericClient,
    owner: UserId,
    answer: MessageId,
) -> Result<FeedbackOutcome, StoreError> {
    const SQL: &str = "
        WITH withdrawn AS (DELETE FROM feedback WHERE message_id = $1 AND user_id = $2)
        SELECT message_type FROM messages WHERE id = $1 AND user_id = $2";
    let statement = db.prepare_cached(SQL).await?;
    let row = db.query_opt(&statement, &[&answer.0, &owner.0]).await?;
    FeedbackOutcome::of_row(row.as_ref())
}

/// The feedback to an answer as operators see it, without the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedFeedback {
    /// The answer.
    pub message_id: MessageId,
    /// Its owner.
    pub user_id: UserId,
    /// The model that wrote it.
    pub model: Option<String>,
    /// When the answer was stored.
    pub answered_at: DateTime<Utc>,
    /// The feedback.
    pub feedback: Feedback,
}

/// Lists a page of the feedback of all users, the latest first: at most `limit`, all before `before`
/// (the time of the feedback and the answer's id).
pub async fn list(
    db: &impl GenericClient,
    before: Option<(DateTime<Utc>, MessageId)>,
    limit: i64,
) -> Result<Vec<ListedFeedback>, StoreError> {
    const SQL: &str = "
        SELECT message_id, user_id, model, answered_at, rating, comment, updated_at FROM feedback
        WHERE (updated_at, message_id) < (coalesce($1, 'infinity'::timestamptz),
                                          coalesce($2, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
        ORDER BY updated_at DESC, message_id DESC LIMIT $3";
    let (at, id) = (before.map(|(at, _)| at), before.map(|(_, id)| id.0));
    let statement = db.prepare_cached(SQL).await?;
    let rows = db.query(&statement, &[&at, &id, &limit]).await?;
    rows.iter()
        .map(|row| {
            Ok(ListedFeedback {
                message_id: MessageId(row.try_get("message_id")?),
                user_id: UserId(row.try_get("user_id")?),
                model: row.try_get("model")?,
                answered_at: row.try_get("answered_at")?,
                feedback: Feedback {
                    rating: row.try_get::<_, &str>("rating")?.try_into()?,
                    comment: row.try_get("comment")?,
                    updated_at: row.try_get("updated_at")?,
                },
            })
        })
        .collect()
}

/// The answers of a model, and how users rated them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRatings {
    /// The model.
    pub model: String,
    /// The number of answers.
    pub answers: i64,
    /// The number of answers rated up.
    pub up: i64,
    /// The number of answers rated down.
    pub down: i64,
}

/// Counts the answers that were stored from the day `first` to the day `last`, and their ratings, by
/// model.
pub async fn count_by_model(
    db: &impl GenericClient,
    first: NaiveDate,
    last: NaiveDate,
) -> Result<Vec<ModelRatings>, StoreError> {
    const SQL: &str = "
        SELECT model, sum(answers)::bigint AS answers, sum(up)::bigint AS up, sum(down)::bigint AS down
        FROM daily_ratings WHERE day BETWEEN $1 AND $2 GROUP BY model ORDER BY model";
    let statement = db.prepare_cached(SQL).await?;
    let rows = db.query(&statement, &[&first, &last]).await?;
    rows.iter()
        .map(|row| {
            Ok(ModelRatings {
                model: row.try_get("model")?,
                answers: row.try_get("answers")?,
                up: row.try_get("up")?,
                down: row.try_get("down")?,
            })
        })
        .collect()
}
