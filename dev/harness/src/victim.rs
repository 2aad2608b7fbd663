//! A process that is to die at an exact point: it speaks to Postgres and AWS through proxies of its own.

use std::time::Duration;

use anyhow::{Context as _, Result};
use lambda::Instance;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::proxy::{Proxy, Side, address_of};
use super::world::World;

/// How long a victim may take to get to its point.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the worker says first when it claims a message.
pub const CLAIM: (Side, &str) = (Side::Client, "WITH next AS (");
/// What it says first when it stores an answer.
pub const COMPLETE: (Side, &str) = (Side::Client, "'completed', done.id,");
/// What Postgres says when it has done so.
pub const DONE: (Side, &str) = (Side::Server, "SELECT 1");
/// What tells SQS to take a message.
pub const SEND: (Side, &str) = (Side::Client, "AmazonSQS.SendMessage");

/// A process of its own, and what is between it and the others.
pub struct Victim {
    /// The process.
    pub instance: Instance,
    postgres: Proxy,
    aws: Proxy,
}

impl Victim {
    /// A process of `function`.
    pub async fn of(world: &World, function: &str) -> Result<Self> {
        let (database_url, aws_url) = (world.var("DATABASE_URL")?, world.var("AWS_ENDPOINT_URL")?);
        let postgres = Proxy::start(address_of(database_url)?).await?;
        let aws = Proxy::start(address_of(aws_url)?).await?;
        let env = [
            ("DATABASE_URL", postgres.in_place_of(database_url)?),
            ("AWS_ENDPOINT_URL", aws.in_place_of(aws_url)?),
            ("MESSAGE_QUEUE_URL", aws.in_place_of(world.var("MESSAGE_QUEUE_URL")?)?),
        ];
        let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Ok(Self { instance: world.lambda.instance(function, &env)?, postgres, aws })
    }

    /// Has what it says to Postgres, or Postgres to it, held at the last of `stages`.
    #[must_use]
    pub fn hold_postgres(&self, stages: &[(Side, &'static str)]) -> oneshot::Receiver<()> {
        self.postgres.hold_at(stages)
    }

    /// Has what it says to AWS held at `stage`.
    #[must_use]
    pub fn hold_aws(&self, stage: (Side, &'static str)) -> oneshot::Receiver<()> {
        self.aws.hold_at(&[stage])
    }

    /// Has it do `event`, kills it when `point` is reached, and waits until it is dead.
    pub async fn die_at(&self, event: Value, point: impl Future<Output = Result<()>>) -> Result<()> {
        let die = async {
            let reached =
                timeout(PATIENCE, point).await.context("the point where it was to die was not reached");
            self.instance.kill().await;
            reached?
        };
        // That its invocation fails is the point of it.
        let (_, died) = tokio::join!(self.instance.invoke(event), die);
        died
    }
}

/// When `reached` is.
pub async fn reached(reached: oneshot::Receiver<()>) -> Result<()> {
    reached.await.context("the proxy is gone")
}
