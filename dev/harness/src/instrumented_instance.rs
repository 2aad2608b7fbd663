//! [`InstrumentedInstance`]: one process of a function behind proxies of its own, which count its
//! round trips, delay them, or stop it at an exact point.

use std::ops::Deref;
use std::time::Duration;

use anyhow::{Context as _, Result};
use lambda::Instance;
use serde::Serialize;
use serde_json::Value;
use stack::process::StopSignal;
use tokio::time::timeout;

use super::proxy::{Proxy, Side, address_of};
use super::{Request, Response, TestEnvironment, Transport, environment, processes, wait_until};

const MAX_WAIT: Duration = Duration::from_secs(20);

/// The worker sends the statement that claims a generation.
pub const CLAIM: (Side, &str) = (Side::Client, "WITH RECURSIVE next AS (");
/// The worker sends the statement that stores an answer.
pub const COMPLETE: (Side, &str) = (Side::Client, "'completed', done.id,");
/// Postgres reports that a statement was executed.
pub const DONE: (Side, &str) = (Side::Server, "SELECT 1");
/// A function calls SQS `SendMessage`.
pub const SEND: (Side, &str) = (Side::Client, "AmazonSQS.SendMessage");

pub struct InstrumentedInstance {
    instance: Instance,
    postgres: Proxy,
    redis: Proxy,
    aws: Proxy,
    stripe: Proxy,
    gemini: Proxy,
}

/// The round trips of a process by destination, and the statements it sent to Postgres.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Counts {
    pub statements: f64,
    pub postgres: f64,
    pub redis: f64,
    pub aws: f64,
    pub stripe: f64,
    pub gemini: f64,
}

impl InstrumentedInstance {
    pub async fn start(environment: &TestEnvironment, function: &str) -> Result<Self> {
        Self::start_under(environment, function, &[]).await
    }

    /// Starts a process of `function` by the command `launcher`, which gets the program as its last
    /// argument.
    pub async fn start_under(
        environment: &TestEnvironment,
        function: &str,
        launcher: &[String],
    ) -> Result<Self> {
        let mut env = Vec::new();
        let mut proxy = async |name: &'static str| -> Result<Proxy> {
            // Bypasses the environment's own proxy: each proxy takes time.
            let url = environment.direct_url(name)?;
            let proxy = Proxy::start(address_of(url)?).await?;
            env.push((name, proxy.in_place_of(url)?));
            Ok(proxy)
        };
        let (postgres, redis) = (proxy("DATABASE_URL").await?, proxy("REDIS_URL").await?);
        let (aws, stripe) = (proxy("AWS_ENDPOINT_URL").await?, proxy("STRIPE_BASE_URL").await?);
        let gemini = proxy("GEMINI_BASE_URL").await?;
        for name in ["MESSAGE_QUEUE_URL", "MESSAGE_DEAD_LETTER_QUEUE_URL"] {
            env.push((name, aws.in_place_of(environment.var(name)?)?));
        }
        let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let instance = environment.lambda.instance_under(function, &env, launcher)?;
        Ok(Self { instance, postgres, redis, aws, stripe, gemini })
    }

    pub fn pid(&self) -> u32 {
        self.handle().pid
    }

    /// Waits until the launcher has stopped the process (SIGSTOP), resumes it, and returns the time
    /// from then to its first request for an invocation.
    pub async fn ready_after_stop(&self) -> Result<Duration> {
        wait_until("the process is stopped", MAX_WAIT, async || processes::is_stopped(self.pid())).await?;
        let before = self.started().elapsed();
        self.handle().resume();
        Ok(self.ready().await?.saturating_sub(before))
    }

    pub async fn terminate(self, max_wait: Duration) -> bool {
        self.handle().stop(StopSignal::Terminate, max_wait).await
    }

    pub fn silence(&self, postgres: bool, redis: bool) {
        let proxies = [(postgres, &self.postgres), (redis, &self.redis)];
        proxies.into_iter().filter(|(is_chosen, _)| *is_chosen).for_each(|(_, proxy)| proxy.silence_open());
    }

    /// Pauses the connection to Postgres at the last of `points`; the future completes when it is
    /// reached.
    pub fn pause_postgres_at(&self, points: &[(Side, &'static str)]) -> impl Future<Output = Result<()>> {
        self.postgres.pause_at(points)
    }

    pub fn pause_aws_at(&self, point: (Side, &'static str)) -> impl Future<Output = Result<()>> {
        self.aws.pause_at(&[point])
    }

    pub async fn kill_at(&self, event: Value, point: impl Future<Output = Result<()>>) -> Result<()> {
        let kill = async {
            let reached =
                timeout(MAX_WAIT, point).await.context("the process did not reach the point to kill it");
            self.kill().await;
            reached?
        };
        // The invocation fails, since its process is killed.
        let (_, killed) = tokio::join!(self.invoke(event), kill);
        killed
    }

    /// Delays every byte from now on, except to and from Gemini, whose own time dominates.
    pub fn set_delay(&self, delay: Duration) {
        for proxy in [&self.postgres, &self.redis, &self.aws, &self.stripe] {
            proxy.set_delay(delay);
        }
    }

    pub fn counts(&self) -> Counts {
        #[expect(clippy::cast_precision_loss, reason = "the counts are small")]
        let count = |number: u64| number as f64;
        Counts {
            statements: count(self.postgres.statements()),
            postgres: count(self.postgres.round_trips()),
            redis: count(self.redis.round_trips()),
            aws: count(self.aws.round_trips()),
            stripe: count(self.stripe.round_trips()),
            gemini: count(self.gemini.round_trips()),
        }
    }
}

impl Deref for InstrumentedInstance {
    type Target = Instance;

    fn deref(&self) -> &Instance {
        &self.instance
    }
}

impl Transport for InstrumentedInstance {
    async fn send(&self, request: &Request) -> Result<Response> {
        environment::read_response(&self.invoke(environment::event(request)).await?)
    }
}
