//! The time from each chunk of mock Gemini until the client has its text, with and without network
//! delay.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use harness::{TestEnvironment, TestUser};
use stack::functions::WORKER;

use super::streamed_answer::{OpenStream, ask, text_of};
use crate::NETWORK_DELAY;
use crate::budgets::SEQUENTIAL_ROUND_TRIPS;
use crate::counters::Counters;
use crate::report::Row;
use crate::round_trip::network_round_trip;
use crate::sample::{Sample, ratio};

/// The name of the budget.
pub(super) const FIRST_TEXT: &str = "stream, first text";
/// Answers whose first text counts most, and answers with text in every phase of the flushes.
const SHORT: Answers = Answers { count: 40, chunks: 4, duration: Duration::from_millis(300) };
const LONG: Answers = Answers { count: 10, chunks: 60, duration: Duration::from_secs(4) };
/// How long a worker flushes every 50 ms, before it flushes every 200 ms.
const EAGER_TIME: Duration = Duration::from_secs(2);

pub(super) struct Delays {
    pub(super) rows: Vec<Row>,
    pub(super) counts: Counters,
}

/// Some answers, one after the other.
#[derive(Debug, Clone, Copy)]
struct Answers {
    count: usize,
    chunks: usize,
    duration: Duration,
}

/// The delays of some answers.
#[derive(Default)]
struct Samples {
    first: Sample,
    /// Of the chunks after the first one, in the first two seconds and afterwards.
    eager: Sample,
    later: Sample,
}

pub(super) async fn measure(environment: &TestEnvironment) -> Result<Delays> {
    let user = TestUser::sign_up(environment).await?;
    // Opens connections and prepares statements.
    measure_answers(environment, &user, &[SHORT]).await?;
    let near = measure_answers(environment, &user, &[SHORT, LONG]).await?;
    set_delay(environment, NETWORK_DELAY);
    let far = measure_answers(environment, &user, &[SHORT, LONG]).await?;
    set_delay(environment, Duration::ZERO);
    let round_trip = network_round_trip(environment).await?;
    let added = far.first.median().zip(near.first.median());
    let added = added.and_then(|(far, near)| far.checked_sub(near));
    let trips = ratio(added, Some(round_trip)).context("there are no first texts")?;
    let counts = Counters::from([(SEQUENTIAL_ROUND_TRIPS, trips)]);
    let rows = [("none", &near), ("2 ms each way", &far)].map(|(network, samples)| {
        Row::default()
            .text("network delay", network)
            .ms("first text p50 ms", samples.first.median())
            .ms("p99 ms", samples.first.percentile(99))
            .ms("text in the first 2 s p50 ms", samples.eager.median())
            .ms("its p99 ms", samples.eager.percentile(99))
            .ms("later text p50 ms", samples.later.median())
            .ms("later p99 ms", samples.later.percentile(99))
    });
    let near_row = rows[0].clone().number("sequential round trips", None);
    let far_row = rows[1].clone().number("sequential round trips", trips);
    Ok(Delays { rows: vec![near_row, far_row], counts })
}

fn set_delay(environment: &TestEnvironment, delay: Duration) {
    environment.postgres.set_delay(delay);
    environment.redis.set_delay(delay);
}

async fn measure_answers(
    environment: &TestEnvironment,
    user: &TestUser,
    answers: &[Answers],
) -> Result<Samples> {
    let mut samples = Samples::default();
    for answers in answers.iter().flat_map(|answers| std::iter::repeat_n(answers, answers.count)) {
        let text = text_of(answers.chunks);
        let sent = ask(environment, user, &text, answers.duration).await?;
        let stream = OpenStream::open(&environment.stream(user, sent.id)).await?;
        let worker = environment.lambda.invoke(WORKER, environment.delivery_of(&[sent.id])?);
        let (received, _) = tokio::try_join!(stream.finish(), worker)?;
        received.ensure_is(&text)?;
        let chunks: Vec<Instant> = environment.gemini.sent_at(&sent.text);
        let begun = chunks.first().context("mock Gemini has sent nothing")?;
        let delays = received.delays(text.len() / answers.chunks, &chunks)?;
        for (number, (delay, sent)) in delays.into_iter().zip(&chunks).enumerate() {
            let sample = match number {
                0 => &mut samples.first,
                _ if sent.duration_since(*begun) < EAGER_TIME => &mut samples.eager,
                _ => &mut samples.later,
            };
            sample.push(delay);
        }
    }
    Ok(samples)
}
