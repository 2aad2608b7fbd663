//! Outages of PostgreSQL and Redis, which then start again at the same address.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use stack::Durability;
use stack::services::names;
use stack::services::postgres;
use stack::services::redis;
use stack::state::State;
use tokio::time::sleep;

use super::TestEnvironment;
use super::proxy::address_of;

impl TestEnvironment {
    /// Restarts PostgreSQL so that commits survive a kill: environments start with a fast, unsafe
    /// one.
    pub async fn make_durable(&self) -> Result<()> {
        self.state()?.service(names::POSTGRES).context("PostgreSQL is not running")?.stop().await;
        self.start_again(names::POSTGRES).await
    }

    /// Kills PostgreSQL or Redis with all its processes, and starts it again after `outage`.
    pub async fn kill_and_restart(&self, name: &str, outage: Duration) -> Result<()> {
        self.state()?.service(name).with_context(|| format!("{name} is not running"))?.handle.kill_tree();
        sleep(outage).await;
        self.start_again(name).await
    }

    async fn start_again(&self, name: &str) -> Result<()> {
        let mut state = self.state()?;
        let before = state.service(name).with_context(|| format!("{name} is not running"))?.address.clone();
        let service = match name {
            names::POSTGRES => postgres::start(&self.home, Durability::Persistent, &[]).await?,
            _ => redis::start(&self.home).await?,
        };
        ensure!(service.address == before, "{name} restarted at {}, not {before}", service.address);
        state.add(&self.home, service)
    }

    pub async fn empty_redis(&self) -> Result<()> {
        redis::empty(address_of(self.direct_url("REDIS_URL")?)?).await
    }

    pub(super) fn state(&self) -> Result<State> {
        State::load(&self.home)?.context("the environment has no state.json")
    }
}
