//! What can go wrong between us and Postgres.

use std::error::Error as _;
use std::time::Duration;

use deadpool_postgres::PoolError;
use thiserror::Error;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{WasNull, WrongType};

/// A failure of the store. Absence is never one: functions answer `Option` for that.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Postgres cannot be used at this moment; the same call may go through later.
    #[error("postgres is not available: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A unique or foreign key constraint of this name was in the way.
    #[error("the constraint {constraint} was violated")]
    Conflict {
        /// The constraint's name in the schema.
        constraint: String,
    },
    /// A statement failed for a reason that will not pass: a fault of ours.
    #[error("a statement failed: {0}")]
    Statement(String),
    /// A row holds what this version of the code cannot read.
    #[error("a stored value cannot be read: {0}")]
    Corrupt(String),
    /// The database's address is not usable.
    #[error("{0}")]
    Setup(String),
    /// A migration failed; those before it stay.
    #[error("migrating: {0}")]
    Migration(#[from] refinery::Error),
}

impl StoreError {
    /// Whether the constraint named `name` was in the way.
    #[must_use]
    pub fn is_conflict_on(&self, name: &str) -> bool {
        matches!(self, Self::Conflict { constraint } if constraint == name)
    }

    /// Whether the same call may go through later.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

/// What `future` comes to, or [`StoreError::Unavailable`] when it takes longer than `limit`: a statement that waits for a
/// lock, or for a server that fell silent, has no end of its own. Its connection is not used again before it has proven
/// that it still answers.
///
/// # Errors
/// As `future`, and when time is up.
pub async fn within<T>(
    limit: Duration,
    future: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    tokio::time::timeout(limit, future)
        .await
        .unwrap_or_else(|elapsed| Err(StoreError::Unavailable(elapsed.into())))
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(db) = error.as_db_error() else {
            let unreadable =
                error.source().is_some_and(|cause| cause.is::<WrongType>() || cause.is::<WasNull>());
            return if unreadable {
                Self::Corrupt(error.to_string())
            } else {
                Self::Unavailable(error.into())
            };
        };
        let state = db.code();
        let constraint = db.constraint().unwrap_or_default();
        if *state == SqlState::UNIQUE_VIOLATION || *state == SqlState::FOREIGN_KEY_VIOLATION {
            return Self::Conflict { constraint: constraint.to_owned() };
        }
        // Without Postgres's DETAIL: that repeats whole rows, and with them what people wrote.
        let text = format!("{}: {} {constraint}", state.code(), db.message());
        // Classes: connection exception, transaction rollback (deadlock), insufficient resources, operator intervention; and
        // a lock that was waited for too long.
        if ["08", "40", "53", "55P03", "57"].iter().any(|class| state.code().starts_with(class)) {
            return Self::Unavailable(text.into());
        }
        Self::Statement(text)
    }
}

impl From<PoolError> for StoreError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            other => Self::Unavailable(Box::new(other)),
        }
    }
}

macro_rules! corrupt_from {
    ($($error:ty),+) => { $(
        impl From<$error> for StoreError {
            fn from(error: $error) -> Self {
                Self::Corrupt(error.to_string())
            }
        }
    )+ };
}

corrupt_from!(domain::string_enum::UnknownName);
