//! The processes of one function: idle ones, busy ones, and the limit of their number.

use std::collections::BTreeSet;
use std::mem;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::reply::{Collected, Invoker};
use super::{Instance, lock};

pub(super) struct FunctionPool {
    processes: Mutex<Processes>,
    durations: Mutex<Vec<Duration>>,
    permits: Arc<Semaphore>,
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
        let permits = Arc::new(Semaphore::new(concurrency));
        Self { processes: Mutex::default(), durations: Mutex::default(), permits }
    }

    /// Waits while all processes are busy and no further one is allowed. Then takes an idle
    /// process, or one from `start`.
    pub(super) async fn take(
        self: Arc<Self>,
        start: impl FnOnce() -> Result<Instance>,
    ) -> Result<BusyInstance> {
        let permit = self.permits.clone().acquire_owned().await.context("waiting for an idle process")?;
        let mut processes = lock(&self.processes);
        let instance = match processes.idle.pop().filter(|instance| instance.is_alive()) {
            Some(instance) => instance,
            None => Arc::new(start()?),
        };
        processes.busy.push(instance.clone());
        let generation = processes.generation;
        drop(processes);
        Ok(BusyInstance { pool: self, instance, generation, is_done: false, _permit: permit })
    }

    pub(super) fn add_concurrency(&self, more: usize) {
        self.permits.add_permits(more);
    }

    pub(super) fn any_busy(&self) -> Option<Arc<Instance>> {
        lock(&self.processes).busy.iter().find(|instance| instance.is_alive()).cloned()
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
pub(super) struct BusyInstance {
    pool: Arc<FunctionPool>,
    instance: Arc<Instance>,
    generation: u64,
    is_done: bool,
    _permit: OwnedSemaphorePermit,
}

impl BusyInstance {
    pub(super) async fn collect(mut self, payload: Value) -> Result<Collected> {
        let begun = Instant::now();
        let outcome = self.instance.collect(payload).await;
        self.record(begun, outcome.is_ok());
        outcome
    }

    pub(super) async fn stream(mut self, payload: Value, invoker: Invoker) {
        let begun = Instant::now();
        let is_complete = self.instance.stream(payload, invoker).await;
        self.record(begun, is_complete);
    }

    fn record(&mut self, begun: Instant, is_complete: bool) {
        if is_complete {
            lock(&self.pool.durations).push(begun.elapsed());
        }
        self.is_done = true;
    }
}

impl Drop for BusyInstance {
    fn drop(&mut self) {
        let mut processes = lock(&self.pool.processes);
        processes.busy.retain(|other| !Arc::ptr_eq(other, &self.instance));
        if self.is_done && self.generation == processes.generation && self.instance.is_alive() {
            processes.idle.push(self.instance.clone());
        }
    }
}
