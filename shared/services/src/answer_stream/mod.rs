//! Reads an answer while it is written, as typed events: the text from Redis, the state from Postgres.
//!
//! Whatever dies, the reader ends with exactly the stored text. `follower` decides on that;
//! [`AnswerStream`] reads Redis and Postgres for it. Without Redis the reader gets the state each second,
//! and the whole text at the end.

mod event;
mod follower;
mod open;
mod stream;
#[cfg(test)]
mod tests;

pub use self::event::{AnswerEvent, AnswerStatus, EventId, InvalidEventId, StreamFailure};
pub use self::open::{AnswerReader, Opened, open};
pub use self::stream::AnswerStream;
