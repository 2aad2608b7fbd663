//! A process of a function that speaks to everything through proxies of its own.

use std::time::Duration;

use anyhow::Result;
use lambda::Instance;
use serde::Serialize;
use serde_json::Value;
use stack::process::StopSignal;
use tokio::time::{Instant, sleep};

use super::processes;
use crate::proxy::{Proxy, address_of};
use crate::world::World;

/// A process, and what is between it and the others.
pub struct Guest {
    instance: Instance,
    postgres: Proxy,
    redis: Proxy,
    aws: Proxy,
    stripe: Proxy,
    gemini: Proxy,
}

/// What has gone out of a process: round trips by where they went, and statements of Postgres.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Counts {
    /// Statements of Postgres.
    pub statements: f64,
    /// Round trips to Postgres.
    pub postgres: f64,
    /// Round trips to Redis.
    pub redis: f64,
    /// Round trips to AWS.
    pub aws: f64,
    /// Round trips to Stripe.
    pub stripe: f64,
    /// Round trips to Gemini.
    pub gemini: f64,
}

impl Guest {
    /// Starts a process of `function`.
    pub async fn of(world: &World, function: &str) -> Result<Self> {
        Self::under(world, function, &[]).await
    }

    /// The same, started by another program, which is given the words of `under`, then the function's program.
    pub async fn under(world: &World, function: &str, under: &[String]) -> Result<Self> {
        let mut env = Vec::new();
        let mut behind = async |name: &'static str| -> Result<Proxy> {
            let url = world.var(name)?;
            // Past the world's own proxy, for each takes its time.
            let proxy = Proxy::start(address_of(world.beyond(url))?).await?;
            env.push((name, proxy.in_place_of(url)?));
            Ok(proxy)
        };
        let (postgres, redis) = (behind("DATABASE_URL").await?, behind("REDIS_URL").await?);
        let (aws, stripe) = (behind("AWS_ENDPOINT_URL").await?, behind("STRIPE_BASE_URL").await?);
        let gemini = behind("GEMINI_BASE_URL").await?;
        for name in ["MESSAGE_QUEUE_URL", "MESSAGE_DEAD_LETTER_QUEUE_URL"] {
            env.push((name, aws.in_place_of(world.var(name)?)?));
        }
        let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let instance = world.lambda.instance_under(function, &env, under)?;
        Ok(Self { instance, postgres, redis, aws, stripe, gemini })
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.instance.handle().pid
    }

    /// When the process was started.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.instance.started()
    }

    /// How long it took until it asked for something to do.
    pub async fn ready(&self) -> Result<Duration> {
        self.instance.ready().await
    }

    /// How long it takes until it asks for something to do, from now on, where it was started by a program that stands still.
    pub async fn ready_from_standstill(&self) -> Result<Duration> {
        while !processes::stands_still(self.pid())? {
            sleep(Duration::from_millis(1)).await;
        }
        let before = self.started().elapsed();
        self.instance.handle().resume();
        Ok(self.ready().await?.saturating_sub(before))
    }

    /// Ends it, and waits for its end.
    pub async fn kill(self) {
        self.instance.kill().await;
    }

    /// Asks it to end, and answers whether it has within `patience`.
    pub async fn end(self, patience: Duration) -> bool {
        self.instance.handle().stop(StopSignal::Terminate, patience).await
    }

    /// Invokes the function in this process.
    pub async fn invoke(&self, payload: Value) -> Result<Value> {
        self.instance.invoke(payload).await
    }

    /// From now on everything is so far away, but for Gemini: what it takes is its own, and not to be helped.
    pub fn set_delay(&self, delay: Duration) {
        for proxy in [&self.postgres, &self.redis, &self.aws, &self.stripe] {
            proxy.set_delay(delay);
        }
    }

    /// The counts since the process was started.
    #[must_use]
    pub fn counts(&self) -> Counts {
        #[expect(clippy::cast_precision_loss, reason = "there are not that many")]
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
