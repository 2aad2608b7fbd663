//! `generations`: one row per requested answer.
//!
//! The modules follow the callers: [`owner_actions`] serves the owner of a question, [`claiming`] and
//! [`processing`] the worker, [`sweeping`] and [`backfill`] the sweeper, [`cancelling`] both, [`admin`] the
//! operator, and [`account`] the suspension and the deletion of an account.

pub mod account;
pub mod admin;
pub mod backfill;
pub mod cancelling;
pub mod claiming;
pub(crate) mod origin;
pub mod owner_actions;
pub mod processing;
pub mod progress;
pub mod sweeping;

use domain::{ChatroomId, GenerationId, RequestOrigin};
use tokio_postgres::Row;

use crate::StoreError;

/// SQL: whether the unfinished generation `g` gets its quota unit back when it ends now. It does while
/// no worker has it, unless one of its attempts got an answer without text, whose tokens are counted.
/// A retry counts attempts from zero, but not tokens: after a retry of a message without an answer, a
/// stop after an attempt that Google failed keeps the unit too.
pub(crate) const IS_REFUNDABLE: &str =
    "(g.status = 'pending' AND NOT (g.attempts > 0 AND g.prompt_tokens > 0))";

/// A generation to send to the queue again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resend {
    /// The generation.
    pub generation_id: GenerationId,
    /// Its chatroom.
    pub chatroom_id: ChatroomId,
    /// The number of this resend, from 1. The queue needs it for a new deduplication id.
    pub number: i32,
    /// The request that asked for it, unless an earlier release has accepted that.
    pub origin: Option<RequestOrigin>,
}

impl TryFrom<&Row> for Resend {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            generation_id: GenerationId(row.try_get("id")?),
            chatroom_id: ChatroomId(row.try_get("chatroom_id")?),
            number: row.try_get("resends")?,
            origin: origin::read(row)?,
        })
    }
}
