//! Who has used the processors.

use std::time::Duration;

use anyhow::{Context as _, Result};
use harness::processes;
use harness::world::World;
use stack::functions;
use stack::services::names;
use stack::state::State;

/// Who is told apart. The stand-in for Gemini is in one process with Lambda and the proxies: this one.
pub(super) const WHO: [&str; 8] =
    ["workers", "Postgres", "Redis", "AWS", "pump", "Lambda and Gemini", "others", "nobody"];

/// How long each of [`WHO`] had a processor, all processors together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usage([Duration; WHO.len()]);

impl Usage {
    /// From some time in the past until now.
    ///
    /// # Errors
    /// Where there is no Linux.
    pub(super) fn now(world: &World) -> Result<Self> {
        let state = State::load(&world.home)?.context("the world is not written down")?;
        let service = |name: &str| {
            let family = state.service(name).map(|service| service.handle.tree()).unwrap_or_default();
            family.iter().map(|member| processes::cpu_in_all(member.pid)).sum::<Duration>()
        };
        let workers = world
            .lambda
            .processes(functions::WORKER)
            .into_iter()
            .map(processes::cpu_in_all)
            .sum::<Duration>();
        let ours = [
            workers,
            service(names::POSTGRES),
            service(names::REDIS),
            service(names::AWS),
            service(names::EVENT_SOURCE_MAPPING),
            processes::cpu_in_all(std::process::id()),
        ];
        let (work, rest) = processes::work_and_rest()?;
        let [workers, postgres, redis, aws, pump, lambda] = ours;
        // Small errors of the clocks apart.
        let others = work.saturating_sub(ours.iter().sum());
        Ok(Self([workers, postgres, redis, aws, pump, lambda, others, rest]))
    }

    pub(super) fn since(&self, before: &Self) -> Self {
        Self(std::array::from_fn(|place| self.0[place].saturating_sub(before.0[place])))
    }

    /// By who it was.
    pub(super) fn by_whom(&self) -> impl Iterator<Item = (&'static str, Duration)> {
        WHO.into_iter().zip(self.0)
    }

    /// What the service took, with all that stands in for others.
    pub(super) fn ours(&self) -> Duration {
        self.0[..WHO.len() - 2].iter().sum()
    }
}
