//! The time of a round trip to Redis, with and without network delay.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use harness::TestEnvironment;
use harness::proxy::{Proxy, address_of};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::NETWORK_DELAY;
use crate::sample::Sample;

const REPETITIONS: usize = 60;

pub(crate) async fn time(operation: impl Future<Output = Result<()>>) -> Result<Duration> {
    let begun = Instant::now();
    operation.await?;
    Ok(begun.elapsed())
}

/// Sends a PING to Redis and waits for its reply.
pub(crate) async fn ping(stream: &mut TcpStream) -> Result<()> {
    stream.write_all(b"PING\r\n").await?;
    let mut reply = [0; 7];
    tokio::time::timeout(Duration::from_secs(5), stream.read_exact(&mut reply)).await??;
    ensure!(&reply == b"+PONG\r\n", "Redis did not reply PONG to a PING");
    Ok(())
}

/// The time that the network delay adds to one round trip.
pub(crate) async fn network_round_trip(environment: &TestEnvironment) -> Result<Duration> {
    let redis = address_of(environment.direct_url("REDIS_URL")?)?;
    let proxy = Proxy::start(redis).await?;
    proxy.set_delay(NETWORK_DELAY);
    let mut near = TcpStream::connect(redis).await.context("connecting to Redis")?;
    let mut far = TcpStream::connect(address_of(&proxy.in_place_of(&format!("redis://{redis}"))?)?).await?;
    let (mut near_pings, mut far_pings) = (Sample::default(), Sample::default());
    for _ in 0..REPETITIONS {
        near_pings.push(time(ping(&mut near)).await?);
        far_pings.push(time(ping(&mut far)).await?);
    }
    let added = far_pings.median().zip(near_pings.median()).map(|(far, near)| far.saturating_sub(near));
    added.context("nothing was measured")
}
