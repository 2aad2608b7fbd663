//! The local Lambda. It starts processes of the functions on demand, passes them invocations over
//! the Runtime API, and accepts invocations over the Invoke API and requests as API Gateway does. A
//! process handles one invocation at a time. If it dies, its invocation fails at once, and the next
//! one starts another process.

#![expect(
    missing_docs,
    clippy::must_use_candidate,
    reason = "items are public for other crates of dev only; comments add what the names do not say"
)]

pub mod event_source_mapping;
mod function_pool;
pub mod gateway;
mod instance;
mod reload;
mod runtime_api;
pub mod server;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;
use stack::process::Launch;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use self::function_pool::FunctionPool;
pub use self::instance::Instance;
use self::instance::RuntimeApiSlot;

#[derive(Debug, Clone)]
pub struct Setup {
    pub programs: PathBuf,
    pub logs: PathBuf,
    pub env: BTreeMap<String, String>,
    /// Maximum number of processes of one function.
    pub concurrency: usize,
    pub timeout: Duration,
}

/// A running local Lambda. Clones share it. Dropping the last clone kills the functions' processes.
#[derive(Clone)]
pub struct Lambda(Arc<Inner>);

struct Inner {
    setup: Setup,
    /// Timeouts that differ from that of the setup, by function.
    timeouts: BTreeMap<String, Duration>,
    port: u16,
    slots: Arc<Slots>,
    pools: Mutex<HashMap<String, Arc<FunctionPool>>>,
    server: JoinHandle<()>,
}

/// The Runtime API's side of each process, by the process's name.
type Slots = Mutex<HashMap<String, Arc<RuntimeApiSlot>>>;

impl Lambda {
    pub async fn start(setup: Setup) -> Result<Self> {
        Self::start_on(0, setup, BTreeMap::new()).await
    }

    async fn start_on(port: u16, setup: Setup, timeouts: BTreeMap<String, Duration>) -> Result<Self> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.context("opening the API's port")?;
        let port = listener.local_addr().context("reading the API's port")?.port();
        let slots = Arc::new(Slots::default());
        Ok(Self(Arc::new_cyclic(|inner| {
            let router = runtime_api::router(slots.clone(), inner.clone());
            let server = tokio::spawn(async move {
                if let Err(error) = axum::serve(listener, router).await {
                    eprintln!("the local Lambda ended: {error}");
                }
            });
            Inner { setup, timeouts, port, slots, pools: Mutex::default(), server }
        })))
    }

    /// The URL of the API and of the Invoke API.
    pub fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.0.port)
    }

    /// Invokes `function` in an idle process or a new one. Waits while all processes are busy and
    /// no further one is allowed.
    pub async fn invoke(&self, function: &str, payload: Value) -> Result<Value> {
        self.pool(function).invoke(|| self.instance(function, &[]), payload).await
    }

    /// Starts a process of `function` that [`Self::invoke`] does not use. `env` overrides
    /// variables.
    pub fn instance(&self, function: &str, env: &[(&str, &str)]) -> Result<Instance> {
        self.instance_under(function, env, &[])
    }

    pub fn instance_under(
        &self,
        function: &str,
        env: &[(&str, &str)],
        wrapper: &[String],
    ) -> Result<Instance> {
        let Inner { setup, timeouts, port, slots, .. } = &*self.0;
        let timeout = timeouts.get(function).copied().unwrap_or(setup.timeout);
        let env =
            setup.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(env.iter().copied());
        let program = setup.programs.join(function);
        let launch = match wrapper.split_first() {
            Some((wrapper, args)) => Launch::new(wrapper).args(args).args([program]),
            None => Launch::new(program),
        };
        let launch = launch.without_settings().env(env).log(&setup.logs.join(format!("{function}.log")))?;
        Instance::start(launch, *port, slots, function, timeout)
    }

    pub async fn kill_busy(&self, function: &str) -> bool {
        match self.pool(function).any_busy() {
            Some(instance) => {
                instance.kill().await;
                true
            }
            None => false,
        }
    }

    pub fn take_times(&self, function: &str) -> Vec<Duration> {
        self.pool(function).take_durations()
    }

    pub fn processes(&self, function: &str) -> BTreeSet<u32> {
        self.pool(function).processes()
    }

    /// Replaces the processes of `function`: idle ones end now, busy ones after their invocation.
    fn replace(&self, function: &str) {
        self.pool(function).replace();
    }

    fn pool(&self, function: &str) -> Arc<FunctionPool> {
        let mut pools = lock(&self.0.pools);
        let pool = pools.entry(function.to_owned());
        pool.or_insert_with(|| Arc::new(FunctionPool::new(self.0.setup.concurrency))).clone()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
