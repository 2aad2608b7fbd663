//! The processes of one function: idle ones, busy ones, and the limit of their number.

use std::collections::BTreeSet;
use std::mem;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::Value;
use tokio::sync::Semaphore;

use super::{Instance, lock};

pub(super) struct FunctionPool {
    processes: Mutex<Processes>,
    durations: Mutex<Vec<Duration>>,
    permits: Semaphore,
}

#[derive(Default)]
struct Processes {
    idle: Vec<Arc<Instance>>,
    busy: Vec<Arc<Instance>>,
    /// How often the processes were replaced. One from before the last time is not used again.
    generation: u64,
}

impl FunctionPool {
    pub(super) fn new(concurrency: usize) -> Self {
        let permits = Semaphore::new(concurrency);
        Self { processes: Mutex::default(), durations: Mutex::default(), permits }
    }

    /// Invokes an idle process, or one from `start`.
    pub(super) async fn invoke(
        &self,
        start: impl FnOnce() -> Result<Instance>,
        payload: Value,
    ) -> Result<Value> {
        let _permit = self.permits.acquire().await.context("waiting for an idle process")?;
        let mut busy = BusyInstance::take(self, start)?;
        let begun = Instant::now();
        let outcome = busy.instance.invoke(payload).await;
        if outcome.is_ok() {
            lock(&self.durations).push(begun.elapsed());
        }
        busy.is_done = true;
        outcome
    }

    pub(super) fn any_busy(&self) -> Option<Arc<Instance>> {
        lock(&self.processes).busy.first().cloned()
    }

    pub(super) fn take_durations(&self) -> Vec<Duration> {
        mem::take(&mut *lock(&self.durations))
    }

    pub(super) fn processes(&self) -> BTreeSet<u32> {
        let processes = lock(&self.processes);
        let all = processes.idle.iter().chain(&processes.busy);
        all.filter(|instance| instance.is_alive()).map(|instance| instance.handle().pid).collect()
    }

    pub(super) fn replace(&self) {
        let mut processes = lock(&self.processes);
        processes.generation += 1;
        processes.idle.clear();
    }
}

/// A process with an invocation. Dropping it returns the process to the pool, unless the invocation
/// was cancelled.
struct BusyInstance<'a> {
    pool: &'a FunctionPool,
    instance: Arc<Instance>,
    generation: u64,
    is_done: bool,
}

impl<'a> BusyInstance<'a> {
    fn take(pool: &'a FunctionPool, start: impl FnOnce() -> Result<Instance>) -> Result<Self> {
        let mut processes = lock(&pool.processes);
        let instance = match processes.idle.pop().filter(|instance| instance.is_alive()) {
            Some(instance) => instance,
            None => Arc::new(start()?),
        };
        processes.busy.push(instance.clone());
        Ok(Self { pool, instance, generation: processes.generation, is_done: false })
    }
}

impl Drop for BusyInstance<'_> {
    fn drop(&mut self) {
        let mut processes = lock(&self.pool.processes);
        processes.busy.retain(|other| !Arc::ptr_eq(other, &self.instance));
        if self.is_done && self.generation == processes.generation && self.instance.is_alive() {
            processes.idle.push(self.instance.clone());
        }
    }
}
