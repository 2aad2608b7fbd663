//! What cannot be beaten: the same trips with nothing around them.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use argon2::{Argon2, Block, Params};
use harness::TestEnvironment;
use harness::proxy::{Proxy, address_of};
use harness::{Request, event};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use uuid::Uuid;

use super::NETWORK;
use super::machine::FLOOR;
use super::sample::Sample;

/// How often each is measured.
const TIMES: usize = 300;

/// What cannot be beaten.
pub(super) struct Floors {
    /// A function that answers a constant, warm.
    pub(super) constant: Sample,
    /// The statement of `GET /me`, prepared, over a connection that is open.
    pub(super) statement: Sample,
    /// A PING of Redis over a connection that is open.
    pub(super) ping: Sample,
    /// The same where the network is not the loopback.
    pub(super) far_ping: Sample,
    /// A message put on the queue, by plain HTTP without a signature.
    pub(super) send: Sample,
    /// A password hashed, in memory that is there.
    pub(super) hash: Sample,
}

impl Floors {
    pub(super) fn all(&self) -> [(&'static str, &Sample); 6] {
        [
            ("a constant Lambda, warm", &self.constant),
            ("the statement of GET /me", &self.statement),
            ("a PING", &self.ping),
            ("a PING, far", &self.far_ping),
            ("an SQS send", &self.send),
            ("a password's hash", &self.hash),
        ]
    }
}

/// Measures them, in turn.
pub(super) async fn measure(world: &TestEnvironment) -> Result<Option<Floors>> {
    let [mut constant, mut statement, mut ping, mut far_ping, mut send, mut hash] =
        std::array::from_fn(|_| Sample::default());
    let floor = world.lambda.instance(FLOOR, &[])?;
    let event = event(&Request::new("GET", "/api/user/me"));
    let redis = address_of(world.direct_url("REDIS_URL")?)?;
    let far = Proxy::start(redis).await?;
    far.set_delay(NETWORK);
    let mut near = TcpStream::connect(redis).await.context("connecting to Redis")?;
    let mut away = TcpStream::connect(address_of(&far.in_place_of(&format!("redis://{redis}"))?)?).await?;
    let me = world.db.prepare_me().await?;
    let mut memory = vec![Block::default(); Params::DEFAULT.block_count()];
    for number in 0..TIMES {
        timed(&mut constant, async { floor.invoke(event.clone()).await.map(drop) }).await?;
        timed(&mut statement, async { world.db.me(&me).await }).await?;
        timed(&mut ping, pong(&mut near)).await?;
        // Those that are slow by themselves need not be many.
        if number < 60 {
            timed(&mut far_ping, pong(&mut away)).await?;
            timed(&mut send, put(world)).await?;
            timed(&mut hash, async {
                memory = hashed(std::mem::take(&mut memory)).await?;
                Ok(())
            })
            .await?;
        }
    }
    Ok(Some(Floors { constant, statement, ping, far_ping, send, hash }))
}

async fn timed(sample: &mut Sample, act: impl Future<Output = Result<()>>) -> Result<()> {
    let begun = Instant::now();
    act.await?;
    sample.push(begun.elapsed());
    Ok(())
}

async fn pong(stream: &mut TcpStream) -> Result<()> {
    stream.write_all(b"PING\r\n").await?;
    let mut answer = [0; 7];
    tokio::time::timeout(Duration::from_secs(5), stream.read_exact(&mut answer)).await??;
    ensure!(&answer == b"+PONG\r\n", "Redis answers something else to a PING");
    Ok(())
}

/// With the parameters that are the crate's own and ours. Answers the memory, for the next.
async fn hashed(mut memory: Vec<Block>) -> Result<Vec<Block>> {
    spawn_blocking(move || {
        let mut hash = [0; Params::DEFAULT_OUTPUT_LEN];
        Argon2::default()
            .hash_password_into_with_memory(b"a password", b"of whatever salt", &mut hash, &mut memory)
            .map_err(|error| anyhow!("hashing: {error}"))?;
        Ok(memory)
    })
    .await?
}

/// Into the dead-letter queue, from which no worker is driven.
async fn put(world: &TestEnvironment) -> Result<()> {
    let id = Uuid::new_v4().to_string();
    let body = json!({
        "QueueUrl": world.var("MESSAGE_DEAD_LETTER_QUEUE_URL")?, "MessageBody": "none", "MessageGroupId": id,
        "MessageDeduplicationId": id,
    });
    world.aws.sqs("SendMessage", &body).await.map(drop)
}
