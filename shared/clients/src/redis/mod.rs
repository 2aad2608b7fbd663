//! Redis: a cache, never the source of truth. One multiplexed connection, opened on first use.
//!
//! The redis crate's `ConnectionManager` is not used. When a connection is cut while the execution
//! environment is frozen, it times out on every command and never opens another.

pub mod activity;
pub mod answer_cache;
pub mod answer_streams;
pub mod chatroom_list;
pub mod live_text;
mod local_buckets;
pub mod long_polls;
pub mod model_rate_limiter;
pub mod one_time_codes;
pub mod password_attempts;
pub mod price;
pub mod queue_status;
pub mod rate_limiter;
mod scripts;
pub mod sessions;
pub mod token_bucket;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::io::tcp::TcpSettings;
use ::redis::{AsyncConnectionConfig, Client, FromRedisValue, IntoConnectionInfo, Pipeline, RedisError};
use thiserror::Error;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// The timeout for opening a connection. Together with [`RESPONSE_TIMEOUT`] it delays the first
/// request that meets a silent Redis by less than a second.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
/// The timeout for a response.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(300);
/// How long no call is made after Redis could not be reached, so that an outage does not slow every
/// request.
const COOL_DOWN: Duration = Duration::from_secs(1);

/// Redis cannot be used at this moment.
#[derive(Debug, Error)]
pub enum RedisUnavailable {
    /// Redis could not be reached a moment ago and is not called again yet.
    #[error("redis was not available a moment ago")]
    CoolingDown,
    /// The call failed.
    #[error("redis is not available: {0}")]
    Failed(#[from] RedisError),
}

/// The address of Redis is invalid. The message leaves the address out: it holds the password.
#[derive(Debug, Error)]
#[error("REDIS_URL cannot be read: {0}")]
pub struct InvalidRedisUrl(String);

/// The client for Redis. Cloning shares the connection.
#[derive(Clone)]
pub struct Redis {
    client: Client,
    connection: Arc<Mutex<Connection>>,
}

struct Connection {
    state: State,
    /// The number of connections opened so far, which identifies the current one.
    generation: u64,
}

enum State {
    Closed,
    Open(MultiplexedConnection),
    Down { until: Instant },
}

/// A connection in use by one call.
struct Borrowed {
    connection: MultiplexedConnection,
    generation: u64,
    /// Whether an earlier call has used it.
    is_reused: bool,
}

impl Redis {
    /// The client for the address `url`: `redis://` or, with TLS, `rediss://`. Opens no connection.
    pub fn new(url: &str) -> Result<Self, InvalidRedisUrl> {
        let invalid = |error: RedisError| InvalidRedisUrl(error.category().to_owned());
        let tcp = TcpSettings::default().set_nodelay(true).set_user_timeout(Duration::from_secs(2));
        let info = url.into_connection_info().map_err(invalid)?.set_tcp_settings(tcp);
        let connection = Connection { state: State::Closed, generation: 0 };
        let client = Client::open(info).map_err(invalid)?;
        Ok(Self { client, connection: Arc::new(Mutex::new(connection)) })
    }

    /// Checks that Redis responds.
    pub async fn ping(&self) -> Result<(), RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("PING").ignore();
        self.run(&pipeline).await
    }

    /// Sends `pipeline` in one round trip. A dead connection is replaced once and the pipeline sent
    /// again, so it must be idempotent: Redis may have run it before the response was lost.
    async fn run<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, RedisUnavailable> {
        let mut borrowed = self.connection().await?;
        match pipeline.query_async(&mut borrowed.connection).await {
            Err(error) if is_dead(&error) && borrowed.is_reused => {
                self.discard(borrowed.generation, State::Closed).await;
                let mut fresh = self.connection().await?;
                let result = pipeline.query_async(&mut fresh.connection).await;
                self.cool_down_if_dead(fresh.generation, result).await
            }
            result => self.cool_down_if_dead(borrowed.generation, result).await,
        }
    }

    /// Starts the cool-down when `result` shows that a connection just opened is dead too.
    async fn cool_down_if_dead<T>(
        &self,
        generation: u64,
        result: Result<T, RedisError>,
    ) -> Result<T, RedisUnavailable> {
        if result.as_ref().is_err_and(is_dead) {
            self.discard(generation, State::Down { until: Instant::now() + COOL_DOWN }).await;
        }
        Ok(result?)
    }

    /// Sends `pipeline` exactly once, for what must not run twice. A ping first replaces a
    /// connection that died while the environment was frozen.
    async fn run_once<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, RedisUnavailable> {
        self.ping().await?;
        let mut borrowed = self.connection().await?;
        let result = pipeline.query_async(&mut borrowed.connection).await;
        if result.as_ref().is_err_and(is_dead) {
            self.discard(borrowed.generation, State::Closed).await;
        }
        Ok(result?)
    }

    /// Replaces the open connection of `generation` by `state`. A newer connection, or the result
    /// of a failed attempt to open one, stays.
    async fn discard(&self, generation: u64, state: State) {
        let mut connection = self.connection.lock().await;
        if connection.generation == generation && matches!(connection.state, State::Open(_)) {
            connection.state = state;
        }
    }

    async fn connection(&self) -> Result<Borrowed, RedisUnavailable> {
        let mut connection = self.connection.lock().await;
        match &connection.state {
            State::Open(open) => {
                let (open, generation) = (open.clone(), connection.generation);
                return Ok(Borrowed { connection: open, generation, is_reused: true });
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
                Ok(Borrowed { connection: open, generation, is_reused: false })
            }
            Err(error) => {
                connection.state = State::Down { until: Instant::now() + COOL_DOWN };
                Err(error.into())
            }
        }
    }
}

/// The address is left out: it holds the password.
impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").finish_non_exhaustive()
    }
}

/// Whether the connection behind `error` must be replaced. A timeout counts: the other end of the
/// socket may be gone. So does a server that refuses writes: after a failover it is a replica, and
/// another server has taken its place.
fn is_dead(error: &RedisError) -> bool {
    error.to_string().contains("READONLY")
        || error.is_timeout()
        || error.is_io_error()
        || error.is_connection_dropped()
        || error.is_unrecoverable_error()
}
