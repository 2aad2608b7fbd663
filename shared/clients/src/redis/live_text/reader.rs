//! Reads the stream of a generation, and meanwhile the notices to the streams of its owner.

use std::fmt;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, RedisError};
use domain::GenerationId;
use tokio::time::timeout;

use super::super::answer_streams::{Notice, NoticeId, NoticePosition};
use super::super::{CONNECT_TIMEOUT, RESPONSE_TIMEOUT, RedisUnavailable, is_dead};
use super::entry::{Entries, Entry, EntryId, EntryKind};
use super::{milliseconds, stream_key};

/// The most entries of one read. The next read returns those that follow.
const MAX_ENTRIES: usize = 1_000;

/// What `XREAD` answers: for each stream its key and its entries, each an id with its fields.
type Reply = Option<Vec<(String, Vec<(String, Vec<(String, String)>)>)>>;

/// Reads streams one after the other, on a connection of its own: a read that waits would delay
/// every other command on a shared one. Dropping the reader closes the connection.
pub struct LiveTextReader {
    client: Client,
    connection: Option<MultiplexedConnection>,
}

impl LiveTextReader {
    pub(super) fn new(client: Client) -> Self {
        Self { client, connection: None }
    }

    /// The entries of `generation` after `last`, or from its first entry on. While there are none it
    /// waits for at most `block`, also for a stream that does not exist yet.
    ///
    /// A connection that has died is replaced by the next call. So is the connection of a call that
    /// was dropped before it ended.
    pub async fn read_after(
        &mut self,
        generation: GenerationId,
        last: Option<EntryId>,
        block: Duration,
    ) -> Result<Entries, RedisUnavailable> {
        Ok(self.read(generation, last, None, block).await?.0)
    }

    /// As [`Self::read_after`]. The wait also ends with a notice to the streams of the user of
    /// `position`, which moves behind the notices that this returns.
    pub async fn read_with_notices(
        &mut self,
        generation: GenerationId,
        last: Option<EntryId>,
        position: &mut NoticePosition,
        block: Duration,
    ) -> Result<(Entries, Vec<Notice>), RedisUnavailable> {
        let (entries, notices) = self.read(generation, last, Some(position), block).await?;
        if let Some((id, _)) = notices.last() {
            position.last.clone_from(id);
        }
        Ok((entries, notices.into_iter().map(|(_, notice)| notice).collect()))
    }

    async fn read(
        &mut self,
        generation: GenerationId,
        last: Option<EntryId>,
        notices: Option<&NoticePosition>,
        block: Duration,
    ) -> Result<(Entries, Vec<(NoticeId, Notice)>), RedisUnavailable> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let mut command = ::redis::cmd("XREAD");
        command.arg("COUNT").arg(MAX_ENTRIES);
        // 0 would wait without end.
        if !block.is_zero() {
            command.arg("BLOCK").arg(milliseconds(block).max(1));
        }
        let key = stream_key(generation);
        command.arg("STREAMS").arg(&key).arg(notices.map(NoticePosition::key));
        command.arg(last.map_or_else(|| "0-0".to_owned(), |id| id.to_string()));
        command.arg(notices.map(|position| &position.last));
        let reply = timeout(block + RESPONSE_TIMEOUT, command.query_async::<Reply>(&mut connection)).await;
        let reply = reply.unwrap_or_else(|elapsed| Err(RedisError::from(std::io::Error::from(elapsed))));
        if !reply.as_ref().is_err_and(is_dead) {
            self.connection = Some(connection);
        }
        let (mut entries, mut notices) = (Vec::new(), Vec::new());
        for (stream, read) in reply?.into_iter().flatten() {
            if stream == key {
                entries = read.into_iter().filter_map(entry).collect();
            } else {
                notices = read.into_iter().map(|(id, fields)| (id, Notice::from_fields(fields))).collect();
            }
        }
        Ok((Entries::new(last, entries), notices))
    }

    async fn connect(&self) -> Result<MultiplexedConnection, RedisError> {
        // `read_after` has a timeout of its own, which includes the wait for an entry.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(None);
        self.client.get_multiplexed_async_connection_with_config(&config).await
    }
}

fn entry((id, fields): (String, Vec<(String, String)>)) -> Option<Entry> {
    Some(Entry { id: id.parse().ok()?, kind: EntryKind::from_fields(fields) })
}

/// The address is left out: it holds the password.
impl fmt::Debug for LiveTextReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveTextReader").finish_non_exhaustive()
    }
}
