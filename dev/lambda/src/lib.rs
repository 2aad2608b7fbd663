//! The local Lambda. It starts processes of the functions on demand, passes them invocations over
//! the Runtime API, and accepts invocations over the Invoke API and requests as API Gateway does. A
//! process handles one invocation at a time. If it dies, its invocation fails at once, and the next
//! one starts another process.

#![expect(
    missing_docs,
    clippy::must_use_candidate,
    reason = "items are public for other crates of dev only; comments add what the names do not say"
)]

pub mod deployed;
pub mod event_source_mapping;
mod function_pool;
pub mod gateway;
mod instance;
mod reload;
mod reply;
mod runtime_api;
pub mod server;
mod streaming_format;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::serve::ListenerExt as _;
use serde_json::Value;
use stack::process::Launch;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use self::function_pool::FunctionPool;
use self::gateway::Functions;
use self::gateway::routes::Routes;
pub use self::instance::Instance;
use self::instance::RuntimeApiSlot;
use self::reply::{Collected, Invoker, Response};

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
    options: Options,
    port: u16,
    slots: Arc<Slots>,
    pools: Mutex<HashMap<String, Arc<FunctionPool>>>,
    /// The invocations whose responses are streamed. They go on without their readers.
    streams: Mutex<JoinSet<()>>,
    server: JoinHandle<()>,
}

/// What `cargo dev up` and the tests of this crate set; suites use the defaults.
struct Options {
    /// The port of the API; any free one if it is zero.
    port: u16,
    /// Timeouts that differ from that of the setup, by function.
    timeouts: BTreeMap<String, Duration>,
    routes: Routes,
}

impl Default for Options {
    fn default() -> Self {
        Self { port: 0, timeouts: BTreeMap::new(), routes: Routes::of_template().clone() }
    }
}

/// The Runtime API's side of each process, by the process's name.
type Slots = Mutex<HashMap<String, Arc<RuntimeApiSlot>>>;

impl Lambda {
    pub async fn start(setup: Setup) -> Result<Self> {
        Self::start_with(setup, Options::default()).await
    }

    async fn start_with(setup: Setup, options: Options) -> Result<Self> {
        let address = (Ipv4Addr::LOCALHOST, options.port);
        let listener = TcpListener::bind(address).await.context("opening the API's port")?;
        let port = listener.local_addr().context("reading the API's port")?.port();
        // Otherwise a small chunk waits until the one before it is acknowledged.
        let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
        let slots = Arc::new(Slots::default());
        Ok(Self(Arc::new_cyclic(|inner| {
            let router = runtime_api::router(slots.clone(), inner.clone());
            let server = tokio::spawn(async move {
                if let Err(error) = axum::serve(listener, router).await {
                    eprintln!("the local Lambda ended: {error}");
                }
            });
            let (pools, streams) = (Mutex::default(), Mutex::default());
            Inner { setup, options, port, slots, pools, streams, server }
        })))
    }

    /// The URL of the API and of the Invoke API.
    pub fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.0.port)
    }

    /// Invokes `function` in an idle process or a new one, and collects a response that it streams.
    /// Waits while all processes are busy and no further one is allowed.
    pub async fn invoke(&self, function: &str, payload: Value) -> Result<Value> {
        Ok(self.collect(function, payload).await?.document)
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
        let Inner { setup, options, port, slots, .. } = &*self.0;
        let timeout = options.timeouts.get(function).copied().unwrap_or(setup.timeout);
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

    /// Allows `more` processes of one function beyond the setup's: each open stream occupies one.
    pub fn add_concurrency(&self, function: &str, more: usize) {
        self.pool(function).add_concurrency(more);
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

impl Functions for Lambda {
    fn routes(&self) -> &Routes {
        &self.0.options.routes
    }

    async fn collect(&self, function: &str, payload: Value) -> Result<Collected> {
        self.pool(function).take(|| self.instance(function, &[])).await?.collect(payload).await
    }

    async fn stream(&self, function: &str, payload: Value) -> Result<Response> {
        let instance = self.pool(function).take(|| self.instance(function, &[])).await?;
        let (sender, response) = oneshot::channel();
        {
            let mut streams = lock(&self.0.streams);
            while streams.try_join_next().is_some() {}
            streams.spawn(instance.stream(payload, Invoker::Waiting(sender)));
        }
        response.await.context("the local Lambda ends")?
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
