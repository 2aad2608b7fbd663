//! What an answer and its stream take: statements, round trips, and the commands that Redis counts.

use std::time::Duration;

use anyhow::{Result, ensure};
use harness::{InstrumentedInstance, Request, SentMessage, TestEnvironment, TestUser, wait_until};
use stack::functions::WORKER;

use super::streamed_answer::{ask, text_of};
use crate::Mode;
use crate::counters::Counters;
use crate::io_counters::IoCounters;
use crate::report::Row;

/// Above the interval of flushes, so that each chunk is one flush.
const CHUNK_INTERVAL: Duration = Duration::from_millis(250);
const MAX_WAIT: Duration = Duration::from_secs(30);
const REDIS_COMMANDS: &str = "redis_commands";
/// How often a finished answer is read: the first few read its session again.
const WARM_UP: usize = 5;
const READS: usize = 20;

/// What was counted of one thing.
pub(super) struct Count {
    pub(super) name: &'static str,
    pub(super) counts: Counters,
    pub(super) row: Row,
}

impl Count {
    fn new(name: &'static str, counts: Counters) -> Self {
        let row = Row::default().text("of", name).counters(&counts);
        Self { name, counts, row }
    }
}

/// A worker and a reader, each in a process of its own.
struct Pair<'a> {
    environment: &'a TestEnvironment,
    user: TestUser,
    worker: InstrumentedInstance,
    stream: InstrumentedInstance,
}

/// The counts of one answer.
struct Counted {
    sent: SentMessage,
    worker: Counters,
    stream: Counters,
    /// What Redis counted of both.
    commands: Counters,
}

pub(super) async fn measure(environment: &TestEnvironment, mode: Mode) -> Result<Vec<Count>> {
    let chunks = mode.of(12, 40);
    let pair = Pair {
        environment,
        user: TestUser::sign_up(environment).await?,
        worker: InstrumentedInstance::start(environment, WORKER).await?,
        stream: InstrumentedInstance::start(environment, "stream").await?,
    };
    // Opens connections, prepares statements and fills caches.
    let warm = pair.answer(2, true).await?;
    let short = pair.answer(2, true).await?;
    let long = pair.answer(2 + chunks, true).await?;
    let (unread_short, unread_long) = (pair.answer(2, false).await?, pair.answer(2 + chunks, false).await?);
    let mut worker = unread_long.worker.since(&unread_short.worker).per(chunks);
    let mut stream = long.stream.since(&short.stream).per(chunks);
    let of_worker = unread_long.commands.since(&unread_short.commands).per(chunks);
    let of_both = long.commands.since(&short.commands).per(chunks);
    worker.add(&of_worker);
    stream.add(&of_both.since(&of_worker));
    pair.read(&warm.sent, WARM_UP).await?;
    let read = pair.read(&warm.sent, READS).await?;
    Ok(vec![
        Count::new("worker, one flush", worker),
        Count::new("stream, one delta", stream),
        Count::new("stream, a finished answer", read),
    ])
}

impl Pair<'_> {
    /// Counts what an answer of `chunks` flushes takes, with a reader or without.
    async fn answer(&self, chunks: usize, is_read: bool) -> Result<Counted> {
        let duration = CHUNK_INTERVAL * u32::try_from(chunks + 1)?;
        let sent = ask(self.environment, &self.user, &text_of(chunks), duration).await?;
        let io = IoCounters::read(self.environment, WORKER).await?;
        let (worker, stream) = (self.worker.counts(), self.stream.counts());
        let read = async {
            if is_read {
                self.stream_of(&sent).send(&self.stream).await?.ensure(200)?;
            }
            anyhow::Ok(())
        };
        let write = async {
            // The reader waits for the first text: its count does not depend on who is faster.
            let waits = async || Ok(!is_read || self.stream.counts().redis >= stream.redis + 2.0);
            wait_until("the reader waits", MAX_WAIT, waits).await?;
            self.worker.invoke(self.environment.delivery_of(&[sent.id])?).await
        };
        let (response, ()) = tokio::try_join!(write, read)?;
        let failures = &response["batchItemFailures"];
        ensure!(failures.as_array().is_some_and(Vec::is_empty), "an answer failed: {response}");
        let commands = IoCounters::read(self.environment, WORKER).await?.since(&io);
        let commands = Counters::from([(REDIS_COMMANDS, commands.get(REDIS_COMMANDS))]);
        let worker = Counters::of(self.worker.counts())?.since(&Counters::of(worker)?);
        let stream = Counters::of(self.stream.counts())?.since(&Counters::of(stream)?);
        Ok(Counted { sent, worker, stream, commands })
    }

    /// Counts what a stream of a finished answer takes, on average of some `times`.
    async fn read(&self, sent: &SentMessage, times: usize) -> Result<Counters> {
        let io = IoCounters::read(self.environment, WORKER).await?;
        let before = Counters::of(self.stream.counts())?;
        for _ in 0..times {
            self.stream_of(sent).send(&self.stream).await?.ensure(200)?;
        }
        let mut counts = Counters::of(self.stream.counts())?.since(&before);
        let commands = IoCounters::read(self.environment, WORKER).await?.since(&io);
        counts.add(&Counters::from([(REDIS_COMMANDS, commands.get(REDIS_COMMANDS))]));
        Ok(counts.per(times))
    }

    fn stream_of(&self, sent: &SentMessage) -> Request {
        self.user.request("GET", format!("/api/stream/{}", sent.id))
    }
}
