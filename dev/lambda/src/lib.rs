//! What Lambda does, in this process: keeps processes of the functions, hands them invocations over its Runtime API, and
//! takes invocations over its Invoke API, and requests as API Gateway does. A process serves one invocation at a time; one that dies takes its invocation
//! with it, and another is started for the next.
//!
//! `cargo lambda watch` does the same for a developer. This is for those who kill functions on purpose and must know at
//! once: there, the caller of a function that died waits to its time-out.

mod api;
pub mod fleet;
pub mod gateway;
mod instance;
pub mod pump;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::mem;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use self::instance::Desk;
pub use self::instance::Instance;

/// The variables by which a function's process finds Lambda and knows itself.
#[must_use]
pub fn variables(function: &str, runtime_api: &str) -> [(String, String); 4] {
    [
        ("AWS_LAMBDA_FUNCTION_NAME", function),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_RUNTIME_API", runtime_api),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
}

/// Where functions are, and what they run with.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The folder of their programs.
    pub programs: PathBuf,
    /// The folder of their logs.
    pub logs: PathBuf,
    /// Their variables.
    pub env: BTreeMap<String, String>,
    /// How many processes of one function there are at the most.
    pub concurrency: usize,
    /// How long an invocation may take.
    pub timeout: Duration,
}

/// A running service. Clones share it; when the last one is dropped, so are the functions' processes.
#[derive(Clone)]
pub struct Lambda(Arc<Inner>);

struct Inner {
    setup: Setup,
    port: u16,
    desks: Arc<Desks>,
    pools: Mutex<HashMap<String, Arc<Pool>>>,
    server: JoinHandle<()>,
}

/// Where each process fetches its invocations, by its name.
type Desks = Mutex<HashMap<String, Arc<Desk>>>;

/// The processes of one function, and the right to have another.
struct Pool {
    idle: Mutex<Vec<Arc<Instance>>>,
    busy: Mutex<Vec<Arc<Instance>>>,
    /// How long each invocation took that succeeded.
    took: Mutex<Vec<Duration>>,
    permits: Semaphore,
}

/// A process at work. One whose invocation was given up is not used again.
struct Busy<'a> {
    pool: &'a Pool,
    instance: Arc<Instance>,
    is_done: bool,
}

impl<'a> Busy<'a> {
    fn new(pool: &'a Pool, instance: Arc<Instance>) -> Self {
        lock(&pool.busy).push(instance.clone());
        Self { pool, instance, is_done: false }
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        lock(&self.pool.busy).retain(|other| !Arc::ptr_eq(other, &self.instance));
        if self.is_done && self.instance.is_alive() {
            lock(&self.pool.idle).push(self.instance.clone());
        }
    }
}

impl Lambda {
    /// A service without any process yet.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start(setup: Setup) -> Result<Self> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("listening for functions")?;
        let port = listener.local_addr().context("reading the port for functions")?.port();
        let desks = Arc::new(Desks::default());
        Ok(Self(Arc::new_cyclic(|inner| {
            let router = api::router(desks.clone(), inner.clone());
            let server = tokio::spawn(async move {
                if let Err(error) = axum::serve(listener, router).await {
                    eprintln!("the Lambda service ended: {error}");
                }
            });
            Inner { setup, port, desks, pools: Mutex::default(), server }
        })))
    }

    /// The address of the Invoke API.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.0.port)
    }

    /// Invokes `function`, in a process that has nothing to do or a new one.
    ///
    /// # Errors
    /// When it fails, dies or takes too long.
    pub async fn invoke(&self, function: &str, payload: Value) -> Result<Value> {
        let pool = self.pool(function);
        let _permit = pool.permits.acquire().await.context("waiting for a process")?;
        let idle = lock(&pool.idle).pop().filter(|instance| instance.is_alive());
        let instance = match idle {
            Some(instance) => instance,
            None => Arc::new(self.instance(function, &[])?),
        };
        let mut busy = Busy::new(&pool, instance);
        let begun = Instant::now();
        let answer = busy.instance.invoke(payload).await;
        if answer.is_ok() {
            lock(&pool.took).push(begun.elapsed());
        }
        busy.is_done = true;
        answer
    }

    /// A new process of `function` beside those that [`Self::invoke`] uses, with `env` over the others' variables.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn instance(&self, function: &str, env: &[(&str, &str)]) -> Result<Instance> {
        self.instance_under(function, env, &[])
    }

    /// The same, started by another program, which is given the words of `under`, then the function's program.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn instance_under(&self, function: &str, env: &[(&str, &str)], under: &[String]) -> Result<Instance> {
        Instance::start(&self.0.setup, self.0.port, &self.0.desks, function, env, under)
    }

    /// Kills a process of `function` that is at work, if one is. Answers whether one was.
    pub async fn kill_busy(&self, function: &str) -> bool {
        let instance = lock(&self.pool(function).busy).first().cloned();
        match instance {
            Some(instance) => {
                instance.kill().await;
                true
            }
            None => false,
        }
    }

    /// How long each invocation of `function` took that succeeded, of those since this was last asked.
    #[must_use]
    pub fn take_times(&self, function: &str) -> Vec<Duration> {
        mem::take(&mut *lock(&self.pool(function).took))
    }

    /// The numbers of `function`'s living processes.
    #[must_use]
    pub fn processes(&self, function: &str) -> BTreeSet<u32> {
        let pool = self.pool(function);
        let all = [lock(&pool.idle).clone(), lock(&pool.busy).clone()].concat();
        all.iter().filter(|instance| instance.is_alive()).map(|instance| instance.handle().pid).collect()
    }

    fn pool(&self, function: &str) -> Arc<Pool> {
        let mut pools = lock(&self.0.pools);
        let pool = pools.entry(function.to_owned()).or_insert_with(|| {
            let permits = Semaphore::new(self.0.setup.concurrency);
            Arc::new(Pool { idle: Mutex::default(), busy: Mutex::default(), took: Mutex::default(), permits })
        });
        pool.clone()
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
