//! Lower bounds that requests are compared with: single operations without the service around them.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use argon2::{Argon2, Block, Params};
use harness::proxy::{Proxy, address_of};
use harness::{Request, TestEnvironment, event};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use uuid::Uuid;

use crate::NETWORK_DELAY;
use crate::programs::BASELINE;
use crate::report::Row;
use crate::sample::{Sample, ratio};

/// Repetitions of the fast operations and of the slow ones.
const REPETITIONS: usize = 300;
const SLOW_REPETITIONS: usize = 60;

/// The measured baselines, empty where none were measured.
#[derive(Default)]
pub(super) struct Baselines {
    /// A Lambda function that returns a constant, warm.
    constant: Sample,
    /// The prepared statement of `GET /api/user/me` over an open connection.
    statement: Sample,
    /// A Redis PING over an open connection, on the loopback and with network delay.
    ping: Sample,
    delayed_ping: Sample,
    /// An SQS `SendMessage` without TLS and signature.
    send: Sample,
    /// A password hash in allocated memory.
    hash: Sample,
}

impl Baselines {
    /// A row for each measured baseline.
    pub(super) fn rows(&self) -> Vec<Row> {
        let rows = [
            ("constant Lambda, warm", &self.constant),
            ("SQL statement of GET /api/user/me", &self.statement),
            ("Redis PING", &self.ping),
            ("Redis PING, delayed", &self.delayed_ping),
            ("SQS SendMessage", &self.send),
            ("password hash", &self.hash),
        ];
        let row = |(name, sample): (&str, &Sample)| {
            Some(Row::default().text("baseline", name).ms("p50 ms", sample.median()?))
        };
        rows.into_iter().filter_map(row).collect()
    }

    /// The delay that the network adds to a request, divided by the delay that it adds to one round trip.
    pub(super) fn sequential_round_trips(&self, warm: &Sample, delayed: &Sample) -> Option<f64> {
        let added = |delayed: &Sample, warm: &Sample| delayed.median()?.checked_sub(warm.median()?);
        ratio(added(delayed, warm), added(&self.delayed_ping, &self.ping))
    }
}

/// Measures all baselines in turn.
pub(super) async fn measure(environment: &TestEnvironment) -> Result<Baselines> {
    let mut baselines = Baselines::default();
    let constant = environment.lambda.instance(BASELINE, &[])?;
    let event = event(&Request::new("GET", "/api/user/me"));
    let redis = address_of(environment.direct_url("REDIS_URL")?)?;
    let proxy = Proxy::start(redis).await?;
    proxy.set_delay(NETWORK_DELAY);
    let mut near = TcpStream::connect(redis).await.context("connecting to Redis")?;
    let mut far = TcpStream::connect(address_of(&proxy.in_place_of(&format!("redis://{redis}"))?)?).await?;
    let statement = environment.db.prepare_me().await?;
    let mut memory = vec![Block::default(); Params::DEFAULT.block_count()];
    for number in 0..REPETITIONS {
        baselines.constant.push(time(async { constant.invoke(event.clone()).await.map(drop) }).await?);
        baselines.statement.push(time(environment.db.me(&statement)).await?);
        baselines.ping.push(time(ping(&mut near)).await?);
        if number < SLOW_REPETITIONS {
            baselines.delayed_ping.push(time(ping(&mut far)).await?);
            baselines.send.push(time(send(environment)).await?);
            baselines.hash.push(time(hash(&mut memory)).await?);
        }
    }
    Ok(baselines)
}

async fn time(operation: impl Future<Output = Result<()>>) -> Result<Duration> {
    let begun = Instant::now();
    operation.await?;
    Ok(begun.elapsed())
}

async fn ping(stream: &mut TcpStream) -> Result<()> {
    stream.write_all(b"PING\r\n").await?;
    let mut reply = [0; 7];
    tokio::time::timeout(Duration::from_secs(5), stream.read_exact(&mut reply)).await??;
    ensure!(&reply == b"+PONG\r\n", "Redis did not reply PONG to a PING");
    Ok(())
}

/// Hashes a password with the default parameters, which the service uses too.
async fn hash(memory: &mut Vec<Block>) -> Result<()> {
    let mut blocks = std::mem::take(memory);
    *memory = spawn_blocking(move || {
        let mut hash = [0; Params::DEFAULT_OUTPUT_LEN];
        Argon2::default()
            .hash_password_into_with_memory(b"a password", b"of whatever salt", &mut hash, &mut blocks)
            .map_err(|error| anyhow!("hashing: {error}"))?;
        anyhow::Ok(blocks)
    })
    .await??;
    Ok(())
}

/// Sends to the dead-letter queue, which drives no worker.
async fn send(environment: &TestEnvironment) -> Result<()> {
    let id = Uuid::new_v4().to_string();
    let body = json!({
        "QueueUrl": environment.var("MESSAGE_DEAD_LETTER_QUEUE_URL")?, "MessageBody": "none", "MessageGroupId": id,
        "MessageDeduplicationId": id,
    });
    environment.aws.sqs("SendMessage", &body).await.map(drop)
}
