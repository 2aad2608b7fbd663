//! [`Switches`]: what an operator has paused, read at most every 30 seconds.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use clients::table::switches::SwitchStore;
use domain::switches::PausedFeatures;
use tokio::time::timeout;
use tracing::warn;

use crate::Clock;
use crate::telemetry::chain;

/// How long a state is used without reading it again.
const INTERVAL: TimeDelta = TimeDelta::seconds(30);

/// A state older than this is read before it is used: the process was idle, or frozen. A younger one
/// is used while another is being read.
const MAX_AGE: TimeDelta = TimeDelta::seconds(60);

/// The longest time that a request waits for the switches. DynamoDB answers in a few milliseconds.
const TIMEOUT: Duration = Duration::from_millis(500);

/// The kill switches. Clones share their state.
///
/// Without an answer of the store the last known state stays, and before the first answer nothing is
/// paused: a failure of the store must not stop the service.
#[derive(Clone)]
pub struct Switches(Option<Arc<Shared>>);

struct Shared {
    store: Arc<dyn SwitchStore>,
    clock: Clock,
    known: Mutex<Known>,
    /// Held during a read, so that there is one at a time.
    reading: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default, Clone)]
struct Known {
    paused: Arc<PausedFeatures>,
    /// When the last read began, whether or not the store answered.
    read_at: Option<DateTime<Utc>>,
}

impl Switches {
    /// For a function that reads no switches.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    /// The switches in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn SwitchStore>, clock: Clock) -> Self {
        Self(Some(Arc::new(Shared { store, clock, known: Mutex::default(), reading: Arc::default() })))
    }

    /// Starts the first read, so that the first request need not wait for all of it.
    pub fn prefetch(&self) {
        if let Some(shared) = &self.0 {
            shared.read_in_background();
        }
    }

    /// What is paused.
    pub async fn paused(&self) -> Arc<PausedFeatures> {
        let Some(shared) = &self.0 else { return Arc::default() };
        match shared.age() {
            Some(age) if age < INTERVAL => {}
            Some(age) if age < MAX_AGE => shared.read_in_background(),
            _ => shared.read().await,
        }
        shared.known().paused.clone()
    }
}

impl Shared {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time since the last read. `None`: there was none.
    fn age(&self) -> Option<TimeDelta> {
        let read_at = self.known().read_at;
        read_at.map(|at| self.clock.now() - at)
    }

    /// Asks the store, unless another task does.
    fn read_in_background(self: &Arc<Self>) {
        let Ok(guard) = self.reading.clone().try_lock_owned() else { return };
        let shared = self.clone();
        tokio::spawn(async move {
            shared.ask().await;
            drop(guard);
        });
    }

    /// Asks the store, or waits for the task that does.
    async fn read(&self) {
        let Ok(_one_at_a_time) = timeout(TIMEOUT, self.reading.lock()).await else { return };
        if self.age().is_none_or(|age| age >= INTERVAL) {
            self.ask().await;
        }
    }

    async fn ask(&self) {
        // Lambda may freeze the process meanwhile, so the answer is as old as the question.
        let asked_at = self.clock.now();
        let asked = timeout(TIMEOUT, self.store.find_paused()).await;
        let mut known = self.known();
        known.read_at = Some(asked_at);
        match asked {
            Ok(Ok(paused)) if paused == *known.paused => {}
            Ok(Ok(paused)) => {
                warn!(%paused, "the kill switches changed");
                known.paused = Arc::new(paused);
            }
            Ok(Err(error)) => warn!(error = chain(&error), "the kill switches cannot be read; they stay"),
            Err(_) => warn!("the kill switches were not read in time; they stay"),
        }
    }
}

#[cfg(test)]
mod tests;
