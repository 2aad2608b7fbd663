//! The errors of the store, and the timeout for its calls.

use std::error::Error as _;
use std::time::Duration;

use deadpool_postgres::PoolError;
use thiserror::Error;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{WasNull, WrongType};

/// A failure of the store. An absent row is no failure; functions return `Option` for it.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Postgres is unavailable at the moment; a retry may succeed.
    #[error("postgres is not available: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The statement violates a unique or foreign key constraint.
    #[error("the constraint {constraint} was violated")]
    Conflict {
        /// The constraint's name in the schema.
        constraint: String,
    },
    /// A statement failed permanently, which is a programming error.
    #[error("a statement failed: {0}")]
    Statement(String),
    /// A row contains a value that this version of the code cannot read.
    #[error("a stored value is unreadable: {0}")]
    Corrupt(String),
    /// The URL of the database is invalid.
    #[error("{0}")]
    Setup(String),
    /// A migration failed; the ones before it stay applied.
    #[error("migrating: {0}")]
    Migration(#[from] refinery::Error),
}

impl StoreError {
    /// Whether the statement violates the constraint `name`.
    #[must_use]
    pub fn violates(&self, name: &str) -> bool {
        matches!(self, Self::Conflict { constraint } if constraint == name)
    }

    /// Whether a retry of the same call may succeed.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

/// Limits `future` to `limit`, because a statement that waits for a lock or for an unresponsive
/// server has no timeout of its own. The pool checks its connection before the next use.
///
/// # Errors
/// The error of `future`, or [`StoreError::Unavailable`] after the timeout.
pub async fn with_timeout<T>(
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
            let is_unreadable =
                error.source().is_some_and(|cause| cause.is::<WrongType>() || cause.is::<WasNull>());
            return if is_unreadable {
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
        // Omits Postgres's DETAIL, which may contain whole rows and with them the text of messages.
        let text = format!("{}: {} {constraint}", state.code(), db.message());
        // Classes of SQLSTATE: connection exception, transaction rollback (deadlock), insufficient
        // resources, operator intervention. 55P03 is a lock timeout.
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
