//! Lower bounds that requests are compared with: single operations without the service around
//! them.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use argon2::{Argon2, Block, Params};
use harness::proxy::{Proxy, address_of};
use harness::{Request, TestEnvironment, event};
use serde_json::json;
use tokio::net::TcpStream;
use uuid::Uuid;

use super::cold_starts::BASELINE;
use crate::NETWORK_DELAY;
use crate::report::Row;
use crate::round_trip::{ping, time};
use crate::sample::{Sample, ratio};

/// Repetitions of the fast operations and of the slow ones.
const REPETITIONS: usize = 300;
const SLOW_REPETITIONS: usize = 60;

/// Empty unless the baselines were measured.
#[derive(Default)]
pub(super) struct Baselines {
    pub(super) rows: Vec<Row>,
    /// The delay that the network adds to one round trip.
    round_trip: Option<Duration>,
}

impl Baselines {
    /// The delay that the network adds to a request, divided by that of one round trip.
    pub(super) fn sequential_round_trips(&self, warm: &Sample, delayed: &Sample) -> Option<f64> {
        ratio(added(warm, delayed), self.round_trip)
    }
}

fn added(near: &Sample, far: &Sample) -> Option<Duration> {
    far.median()?.checked_sub(near.median()?)
}

/// Measures all baselines in turn.
pub(super) async fn measure(environment: &TestEnvironment) -> Result<Baselines> {
    let instance = environment.lambda.instance(BASELINE, &[])?;
    let event = event(&Request::new("GET", "/api/user/me"));
    let redis = address_of(environment.direct_url("REDIS_URL")?)?;
    let proxy = Proxy::start(redis).await?;
    proxy.set_delay(NETWORK_DELAY);
    let mut near = TcpStream::connect(redis).await.context("connecting to Redis")?;
    let mut far = TcpStream::connect(address_of(&proxy.in_place_of(&format!("redis://{redis}"))?)?).await?;
    let prepared = environment.db.prepare_me().await?;
    let mut memory = vec![Block::default(); Params::DEFAULT.block_count()];
    let mut samples: [Sample; 6] = Default::default();
    let [constant, statement, near_ping, far_ping, send, hash] = &mut samples;
    for number in 0..REPETITIONS {
        constant.push(time(async { instance.invoke(event.clone()).await.map(drop) }).await?);
        statement.push(time(environment.db.me(&prepared)).await?);
        near_ping.push(time(ping(&mut near)).await?);
        if number < SLOW_REPETITIONS {
            far_ping.push(time(ping(&mut far)).await?);
            send.push(time(send_to_sqs(environment)).await?);
            hash.push(time(async { hash_password(&mut memory) }).await?);
        }
    }
    let round_trip = added(near_ping, far_ping);
    let names = [
        "constant Lambda, warm",
        "SQL statement of GET /api/user/me",
        "Redis PING",
        "Redis PING, delayed",
        "SQS SendMessage",
        "password hash",
    ];
    let row =
        |(name, sample): (&str, &Sample)| Row::default().text("baseline", name).ms("p50 ms", sample.median());
    Ok(Baselines { rows: names.into_iter().zip(&samples).map(row).collect(), round_trip })
}

/// Hashes with the default parameters, which the service uses too, in allocated memory.
fn hash_password(memory: &mut [Block]) -> Result<()> {
    let mut hash = [0; Params::DEFAULT_OUTPUT_LEN];
    let (password, salt) = (b"a password", b"of whatever salt");
    let hashed = Argon2::default().hash_password_into_with_memory(password, salt, &mut hash, memory);
    hashed.map_err(|error| anyhow!("hashing: {error}"))
}

/// Sends to the dead-letter queue, which invokes no worker, without TLS and signature.
async fn send_to_sqs(environment: &TestEnvironment) -> Result<()> {
    let id = Uuid::new_v4().to_string();
    let body = json!({
        "QueueUrl": environment.var("MESSAGE_DEAD_LETTER_QUEUE_URL")?, "MessageBody": "none", "MessageGroupId": id,
        "MessageDeduplicationId": id,
    });
    environment.aws.sqs("SendMessage", &body).await.map(drop)
}
