//! A process of a function that speaks to everything through proxies of its own.

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;

use crate::faults::proxy::{Proxy, address_of};
use crate::faults::world::World;
use crate::lambda::Instance;

/// A process, and what is between it and the others.
pub(super) struct Guest {
    instance: Instance,
    postgres: Proxy,
    redis: Proxy,
    aws: Proxy,
    stripe: Proxy,
}

/// What has gone out of a process: round trips by where they went, and statements of Postgres.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(super) struct Counts {
    pub(super) statements: f64,
    pub(super) postgres: f64,
    pub(super) redis: f64,
    pub(super) aws: f64,
    pub(super) stripe: f64,
}

impl Guest {
    pub(super) async fn of(world: &World, function: &str) -> Result<Self> {
        let urls =
            ["DATABASE_URL", "REDIS_URL", "AWS_ENDPOINT_URL", "STRIPE_BASE_URL"].map(|name| world.var(name));
        let [database, redis, aws, stripe] = urls;
        let (database, redis, aws, stripe) = (database?, redis?, aws?, stripe?);
        // Past the world's own proxies, for each takes its time.
        let proxy = async |url: &str| Proxy::start(address_of(url)?).await;
        let proxies = (proxy(world.beyond(database)).await?, proxy(world.beyond(redis)).await?);
        let ((postgres_proxy, redis_proxy), aws_proxy) = (proxies, proxy(aws).await?);
        let stripe_proxy = proxy(stripe).await?;
        let mut env = vec![
            ("DATABASE_URL", postgres_proxy.in_place_of(database)?),
            ("REDIS_URL", redis_proxy.in_place_of(redis)?),
            ("AWS_ENDPOINT_URL", aws_proxy.in_place_of(aws)?),
            ("STRIPE_BASE_URL", stripe_proxy.in_place_of(stripe)?),
        ];
        for name in ["MESSAGE_QUEUE_URL", "MESSAGE_DEAD_LETTER_QUEUE_URL"] {
            env.push((name, aws_proxy.in_place_of(world.var(name)?)?));
        }
        let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let instance = world.lambda.instance(function, &env)?;
        Ok(Self {
            instance,
            postgres: postgres_proxy,
            redis: redis_proxy,
            aws: aws_proxy,
            stripe: stripe_proxy,
        })
    }

    pub(super) fn pid(&self) -> u32 {
        self.instance.handle().pid
    }

    pub(super) fn started(&self) -> Instant {
        self.instance.started()
    }

    pub(super) async fn invoke(&self, payload: Value) -> Result<Value> {
        self.instance.invoke(payload).await
    }

    /// From now on everything is so far away.
    pub(super) fn set_delay(&self, delay: Duration) {
        for proxy in [&self.postgres, &self.redis, &self.aws, &self.stripe] {
            proxy.set_delay(delay);
        }
    }

    pub(super) fn counts(&self) -> Counts {
        #[expect(clippy::cast_precision_loss, reason = "there are not that many")]
        let count = |number: u64| number as f64;
        Counts {
            statements: count(self.postgres.statements()),
            postgres: count(self.postgres.round_trips()),
            redis: count(self.redis.round_trips()),
            aws: count(self.aws.round_trips()),
            stripe: count(self.stripe.round_trips()),
        }
    }
}

impl Counts {
    pub(super) fn since(self, before: &Self) -> Self {
        Self {
            statements: self.statements - before.statements,
            postgres: self.postgres - before.postgres,
            redis: self.redis - before.redis,
            aws: self.aws - before.aws,
            stripe: self.stripe - before.stripe,
        }
    }

    /// For one of `times`.
    pub(super) fn per(self, times: usize) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "there are not that many")]
        let share = |count: f64| (count / times as f64 * 100.0).round() / 100.0;
        Self {
            statements: share(self.statements),
            postgres: share(self.postgres),
            redis: share(self.redis),
            aws: share(self.aws),
            stripe: share(self.stripe),
        }
    }
}
