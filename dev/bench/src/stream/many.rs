//! A thousand streams at once, whose answers are written at several paces.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures::future::try_join_all;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use harness::{SentMessage, StreamRequest, TestEnvironment, TestUser, processes};
use lambda::{Lambda, Setup};
use stack::functions::WORKER;
use stack::progress::print;
use tokio::task::JoinSet;

use super::streamed_answer::{OpenStream, Received, ask, text_of};
use crate::report::Row;
use crate::sample::Sample;

const STREAMS: usize = 1_000;
/// As many as a user may have open.
const STREAMS_PER_USER: usize = 3;
const BATCH: usize = 10;
const DURATION: Duration = Duration::from_secs(20);
/// The intervals between the chunks of each answer.
const INTERVALS: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_millis(500), Duration::from_millis(250)];
/// How many streams are opened at once.
const OPENING: usize = 8;

pub(super) struct Many {
    pub(super) rows: Vec<Row>,
    /// Readers with a wrong text.
    pub(super) wrong: Vec<String>,
}

pub(super) async fn measure(environment: &TestEnvironment) -> Result<Many> {
    let lambda = start_without_proxies(environment).await?;
    let count = STREAMS.div_ceil(STREAMS_PER_USER);
    let users: Vec<TestUser> = stream::iter(0..count)
        .map(|_| TestUser::sign_up(environment))
        .buffered(OPENING)
        .try_collect()
        .await?;
    let mut many = Many { rows: Vec::new(), wrong: Vec::new() };
    for interval in INTERVALS {
        let interval_ms = interval.as_millis();
        print(format_args!("  {STREAMS} streams, a chunk of each answer every {interval_ms} ms\n"));
        many.measure_pace(environment, &lambda, &users, interval).await?;
    }
    Ok(many)
}

impl Many {
    async fn measure_pace(
        &mut self,
        environment: &TestEnvironment,
        lambda: &Lambda,
        users: &[TestUser],
        interval: Duration,
    ) -> Result<()> {
        let chunks = usize::try_from(DURATION.as_millis() / interval.as_millis())?;
        let text = text_of(chunks);
        let ask = |user| ask(environment, user, &text, DURATION);
        let sent: Vec<SentMessage> = stream::iter(users).map(ask).buffered(OPENING).try_collect().await?;
        let begun = Instant::now();
        let open = users.iter().zip(&sent).flat_map(|pair| [pair; STREAMS_PER_USER]).take(STREAMS);
        let open = open.map(|(user, sent)| open_stream(lambda.base_url(), user, sent));
        let open: Vec<OpenStream> = stream::iter(open).buffered(OPENING).try_collect().await?;
        let opening = begun.elapsed();

        let (busy, idle) = processes::work_and_rest()?;
        let mut reading = JoinSet::new();
        for (number, stream) in open.into_iter().enumerate() {
            reading.spawn(async move { (number / STREAMS_PER_USER, stream.finish().await) });
        }
        let ids: Vec<_> = sent.iter().map(|message| message.id).collect();
        let workers = ids.chunks(BATCH).map(async |ids| {
            lambda.invoke(WORKER, environment.delivery_of(ids)?).await.context("answering a batch")
        });
        try_join_all(workers).await?;
        let received = reading.join_all().await;
        let (busy_after, idle_after) = processes::work_and_rest()?;
        let (busy, idle) = (busy_after.saturating_sub(busy), idle_after.saturating_sub(idle));

        let (delays, wrong) = self.check(environment, &sent, &text, chunks, received)?;
        let memory = lambda.processes("stream").into_iter().filter_map(|pid| processes::resident(pid).ok());
        let memory: Vec<u64> = memory.collect();
        let mean = memory.iter().sum::<u64>() / u64::try_from(memory.len().max(1))?;
        self.rows.push(
            Row::default()
                .ms("chunk every ms", interval)
                .count("streams", STREAMS)
                .count("wrong texts", wrong)
                .ms("delta p50 ms", delays.median())
                .ms("p90 ms", delays.percentile(90))
                .ms("p99 ms", delays.percentile(99))
                .number("processors busy", busy.as_secs_f64() / (busy + idle).as_secs_f64())
                .seconds("opening all s", opening)
                .mb("memory of one stream MB", mean),
        );
        Ok(())
    }

    /// The delays of all chunks at all readers, and the number of readers with a wrong text.
    fn check(
        &mut self,
        environment: &TestEnvironment,
        sent: &[SentMessage],
        text: &str,
        chunks: usize,
        received: Vec<(usize, Result<Received>)>,
    ) -> Result<(Sample, usize)> {
        let before = self.wrong.len();
        let mut delays = Sample::default();
        for (number, received) in received {
            let message = sent.get(number).context("more streams than messages")?;
            let checked = received.and_then(|received| {
                received.ensure_is(text)?;
                received.delays(text.len() / chunks, &environment.gemini.sent_at(&message.text))
            });
            match checked {
                Ok(of_reader) => delays.extend(of_reader.into_iter().collect()),
                Err(error) => self.wrong.push(format!("a reader of {STREAMS}: {error:#}")),
            }
        }
        Ok((delays, self.wrong.len() - before))
    }
}

async fn open_stream(base_url: String, user: &TestUser, sent: &SentMessage) -> Result<OpenStream> {
    OpenStream::open(&StreamRequest::new(&base_url, user, sent.id)).await
}

/// A local Lambda whose functions reach Postgres and Redis directly: proxies would take processor
/// time for each message.
async fn start_without_proxies(environment: &TestEnvironment) -> Result<Lambda> {
    let mut env = environment.env.clone();
    for name in ["DATABASE_URL", "REDIS_URL"] {
        env.insert(name.to_owned(), environment.direct_url(name)?.to_owned());
    }
    Lambda::start(Setup {
        programs: environment.programs.clone(),
        logs: environment.home.logs(),
        env,
        concurrency: STREAMS + 1,
        timeout: Duration::from_mins(5),
    })
    .await
}
