//! What can go wrong between us and Postgres.

use std::error::Error as _;

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
    Statement(#[source] tokio_postgres::Error),
    /// A row holds what this version of the code cannot read.
    #[error("a stored value cannot be read: {0}")]
    Corrupt(String),
    /// The database's address or the schema's migrations are not usable.
    #[error("{0}")]
    Setup(String),
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

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(db) = error.as_db_error() else {
            let unreadable =
                error.source().is_some_and(|cause| cause.is::<WrongType>() || cause.is::<WasNull>());
            return if unreadable {
                Self::Corrupt(error.to_string())
            } else {
                Self::Unavailable(Box::new(error))
            };
        };
        let state = db.code();
        if *state == SqlState::UNIQUE_VIOLATION || *state == SqlState::FOREIGN_KEY_VIOLATION {
            return Self::Conflict { constraint: db.constraint().unwrap_or_default().to_owned() };
        }
        // Classes: connection exception, transaction rollback (deadlock), insufficient resources, operator intervention.
        if ["08", "40", "53", "57"].iter().any(|class| state.code().starts_with(class)) {
            return Self::Unavailable(Box::new(error));
        }
        Self::Statement(error)
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

corrupt_from!(domain::message::UnknownName, domain::plan::UnknownTier);
