//! The text of an answer while the model writes it: a Redis stream per generation, at
//! `live:{generation id}`. The end state is in Postgres; without Redis nothing is lost but the view
//! of the text as it is written.
//!
//! The worker that holds the lease is the only writer. The id of an entry is `fence-sequence`, with
//! the fence of the claim and sequences 1, 2, ... within it. Redis refuses ids that do not grow, so a
//! worker that was overtaken can add nothing. Each entry has one field, which names its kind:
//!
//! | field | value | meaning |
//! |---|---|---|
//! | `start` | | the first entry of a fence: text of smaller fences is void |
//! | `text` | a piece of the answer | follows the pieces of the same fence |
//! | `end` | the final processing status | written after the commit in Postgres |
//! | `pause` | | the attempt has ended without a final status |
//!
//! Readers ignore other kinds, which a later release may add.
//!
//! `live:{generation id}:cancel` has the fence that the user asked to stop. The writer reads it with
//! each flush. A value of another fence concerns an earlier attempt.

mod entry;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

use std::time::Duration;

use domain::GenerationId;

pub use self::entry::{Entries, Entry, EntryId, EntryKind};
pub use self::reader::LiveTextReader;
pub use self::writer::{Ending, LiveTextWriter, Signal};
use super::{Redis, RedisUnavailable};

/// How long a stream is kept after its end, and a request to cancel after it was made.
const TTL: Duration = Duration::from_mins(10);
/// The number of entries from which the earliest ones are removed. The longest answer has fewer: at
/// five flushes a second, 15 minutes make 4,500.
const MAX_ENTRIES: usize = 10_000;

impl Redis {
    /// Asks the worker that holds the lease with this fence to stop. It reads this with its next
    /// flush.
    pub async fn request_cancellation(
        &self,
        generation: GenerationId,
        fence: u64,
    ) -> Result<(), RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("SET").arg(cancel_key(generation)).arg(fence).arg("PX").arg(milliseconds(TTL));
        self.run(pipeline.ignore()).await
    }

    /// A reader with a connection of its own, which it opens when it first reads.
    #[must_use]
    pub fn live_text_reader(&self) -> LiveTextReader {
        LiveTextReader::new(self.client.clone())
    }
}

fn stream_key(generation: GenerationId) -> String {
    format!("live:{{{generation}}}")
}

fn cancel_key(generation: GenerationId) -> String {
    format!("live:{{{generation}}}:cancel")
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
