//! One execution of an operation that may be executed again.

use uuid::Uuid;

/// One execution of an operation.
#[derive(Debug, Clone, Copy)]
pub struct Execution {
    /// The id of the row to create: the same in each execution of one operation.
    pub id: Uuid,
    /// Whether an earlier execution was interrupted and may have created the row already.
    pub is_retry: bool,
}
