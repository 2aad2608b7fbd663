//! Redis: speed, never truth. One multiplexed connection, opened when first used.
//!
//! The crate's own `ConnectionManager` is not used: after a connection was cut while the execution environment was
//! frozen it times out on every command and never opens another.

pub mod activity;
pub mod answers;
pub mod attempts;
pub mod chatroom_list;
pub mod codes;
pub mod limits;
pub mod model_rate_limit;
pub mod price;
pub mod queue_status;
pub mod sessions;

use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::io::tcp::TcpSettings;
use ::redis::{AsyncConnectionConfig, Client, FromRedisValue, IntoConnectionInfo, Pipeline, RedisError};
use thiserror::Error;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long a connection may take to open. With the next, it is how much longer a request takes that is the first to meet
/// a Redis which has fallen silent: less than a second in all.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
/// How long an answer may take.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(300);
/// How long nothing is asked of a Redis that could not be reached, so that an outage does not slow every request.
const COOL_DOWN: Duration = Duration::from_secs(1);

/// Redis cannot be used at this moment.
#[derive(Debug, Error)]
pub enum RedisUnavailable {
    /// It could not be reached a moment ago and is not asked again yet.
    #[error("redis was not available a moment ago")]
    CoolingDown,
    /// It did not do what was asked.
    #[error("redis is not available: {0}")]
    Failed(#[from] RedisError),
}

/// The address of Redis cannot be read. The address itself is not in the message: it holds the password.
#[derive(Debug, Error)]
#[error("REDIS_URL cannot be read: {0}")]
pub struct BadAddress(String);

/// Redis. Making one opens nothing.
pub struct Redis {
    client: Client,
    connection: Mutex<Connection>,
}

struct Connection {
    state: State,
    /// How often one was opened, which tells one from the next.
    generation: u64,
}

enum State {
    Closed,
    Open(MultiplexedConnection),
    Down { until: Instant },
}

/// A connection as it is lent.
struct Lent {
    connection: MultiplexedConnection,
    generation: u64,
    /// Whether it was used before.
    is_reused: bool,
}

impl Redis {
    /// Redis at the address `url`: `redis://` or, with TLS, `rediss://`.
    ///
    /// # Errors
    /// When the address cannot be read.
    pub fn new(url: &str) -> Result<Self, BadAddress> {
        let bad = |error: RedisError| BadAddress(error.category().to_owned());
        let tcp = TcpSettings::default().set_nodelay(true).set_user_timeout(Duration::from_secs(2));
        let info = url.into_connection_info().map_err(bad)?.set_tcp_settings(tcp);
        let connection = Connection { state: State::Closed, generation: 0 };
        Ok(Self { client: Client::open(info).map_err(bad)?, connection: Mutex::new(connection) })
    }

    /// Sees whether Redis answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("PING").ignore();
        self.run(&pipeline).await
    }

    /// Sends `pipeline` in one trip. A connection that turns out to be dead is replaced once: what is sent must do no
    /// harm when Redis did it and only the answer was lost.
    async fn run<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, RedisUnavailable> {
        let mut lent = self.connection().await?;
        match pipeline.query_async(&mut lent.connection).await {
            Err(error) if is_dead(&error) && lent.is_reused => {
                self.give_up(lent.generation, State::Closed).await;
                let mut fresh = self.connection().await?;
                let outcome = pipeline.query_async(&mut fresh.connection).await;
                self.judged(fresh.generation, outcome).await
            }
            outcome => self.judged(lent.generation, outcome).await,
        }
    }

    /// What came of a connection that had only just been opened: where it is dead too, Redis is left alone for a while.
    async fn judged<T>(
        &self,
        generation: u64,
        outcome: Result<T, RedisError>,
    ) -> Result<T, RedisUnavailable> {
        if outcome.as_ref().is_err_and(is_dead) {
            self.give_up(generation, State::Down { until: Instant::now() + COOL_DOWN }).await;
        }
        Ok(outcome?)
    }

    /// Sends `pipeline` in one trip, once: for what must not be done twice. The connection is probed before, so that one
    /// which died in its sleep is replaced.
    async fn run_once<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, RedisUnavailable> {
        self.ping().await?;
        let mut lent = self.connection().await?;
        let outcome = pipeline.query_async(&mut lent.connection).await;
        if outcome.as_ref().is_err_and(is_dead) {
            self.give_up(lent.generation, State::Closed).await;
        }
        Ok(outcome?)
    }

    /// Has the connection of `generation` not be used again; one that is in its place already is left alone, and so is what was
    /// found out by somebody who tried to open one.
    async fn give_up(&self, generation: u64, state: State) {
        let mut connection = self.connection.lock().await;
        if connection.generation == generation && matches!(connection.state, State::Open(_)) {
            connection.state = state;
        }
    }

    async fn connection(&self) -> Result<Lent, RedisUnavailable> {
        let mut connection = self.connection.lock().await;
        match &connection.state {
            State::Open(open) => {
                let (open, generation) = (open.clone(), connection.generation);
                return Ok(Lent { connection: open, generation, is_reused: true });
            }
            State::Down { until } if Instant::now() < *until => return Err(RedisUnavailable::CoolingDown),
            State::Down { .. } | State::Closed => {}
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT));
        match self.client.get_multiplexed_async_connection_with_config(&config).await {
            Ok(open) => {
                connection.state = State::Open(open.clone());
                connection.generation += 1;
                let generation = connection.generation;
                Ok(Lent { connection: open, generation, is_reused: false })
            }
            Err(error) => {
                connection.state = State::Down { until: Instant::now() + COOL_DOWN };
                Err(error.into())
            }
        }
    }
}

/// Whether the connection that brought `error` is of no more use. A time-out counts: behind it may be a socket whose
/// other end is gone. So does a server that takes no writes: it was made a replica, and another is in its place.
fn is_dead(error: &RedisError) -> bool {
    error.to_string().contains("READONLY")
        || error.is_timeout()
        || error.is_io_error()
        || error.is_connection_dropped()
        || error.is_unrecoverable_error()
}
