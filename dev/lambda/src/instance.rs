//! A process of a function.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::Value;
use stack::process::{Handle, Launch};
use stack::settings::CONTRACT;
use tokio::process::Command;
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};

use super::{Desks, Setup, lock, variables};

/// Where a process fetches its invocations and brings its answers.
pub(super) struct Desk {
    pub(super) waiting: Mutex<mpsc::UnboundedReceiver<Invocation>>,
    pub(super) open: std::sync::Mutex<HashMap<String, oneshot::Sender<Answer>>>,
    /// When its process first asked for something to do.
    pub(super) ready: watch::Sender<Option<Instant>>,
}

/// What a function answered, or its own words on why it failed.
pub(super) type Answer = std::result::Result<String, String>;

/// A call to a function.
pub(super) struct Invocation {
    pub(super) id: String,
    pub(super) payload: String,
    /// When it is over, in milliseconds since 1970.
    pub(super) deadline: u128,
    pub(super) answer: oneshot::Sender<Answer>,
}

/// A process of a function. It is killed when this is dropped.
pub struct Instance {
    function: String,
    name: String,
    desks: Arc<Desks>,
    invocations: mpsc::UnboundedSender<Invocation>,
    handle: Handle,
    kill: mpsc::UnboundedSender<()>,
    dead: watch::Receiver<bool>,
    started: Instant,
    ready: watch::Receiver<Option<Instant>>,
    timeout: Duration,
}

impl Instance {
    pub(super) fn start(
        setup: &Setup,
        port: u16,
        desks: &Arc<Desks>,
        function: &str,
        env: &[(&str, &str)],
        under: &[String],
    ) -> Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("{function}-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let log = setup.logs.join(format!("{function}.log"));
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .with_context(|| format!("opening {}", log.display()))?;
        let launch = Launch::new(setup.programs.join(function))
            .under(under)
            .without(CONTRACT)
            .env(setup.env.clone())
            .env(env.iter().copied())
            .env(variables(function, &format!("http://127.0.0.1:{port}/{name}")));
        let mut command = launch.command();
        command.stdout(log.try_clone().context("sharing a log")?).stderr(log);

        let (invocations, waiting) = mpsc::unbounded_channel();
        let (is_ready, ready) = watch::channel(None);
        let desk = Desk { waiting: Mutex::new(waiting), open: std::sync::Mutex::default(), ready: is_ready };
        lock(desks).insert(name.clone(), Arc::new(desk));
        let started = Instant::now();
        let mut child = Command::from(command)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting `{}`", launch.line()))?;
        let handle = child.id().and_then(Handle::of);
        let (kill, mut killed) = mpsc::unbounded_channel();
        let (died, dead) = watch::channel(false);
        tokio::spawn(async move {
            tokio::select! {
                _ = child.wait() => {}
                // Also when whoever could kill it is gone.
                _ = killed.recv() => drop(child.kill().await),
            }
            let _ = died.send(true);
        });
        let handle = handle.with_context(|| format!("`{}` ended at once", launch.line()))?;
        Ok(Self {
            function: function.to_owned(),
            name,
            desks: desks.clone(),
            invocations,
            handle,
            kill,
            dead,
            started,
            ready,
            timeout: setup.timeout,
        })
    }

    /// Which process it is.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// How long it took from its start until it first asked for something to do.
    ///
    /// # Errors
    /// When it ends before that.
    pub async fn ready(&self) -> Result<Duration> {
        let (mut ready, mut dead) = (self.ready.clone(), self.dead.clone());
        tokio::select! {
            at = ready.wait_for(Option::is_some) => {
                let at = at.map_err(|_| anyhow!("{} has no desk", self.name))?;
                Ok(at.map_or(Duration::ZERO, |at| at - self.started))
            }
            _ = dead.wait_for(|dead| *dead) => bail!("{} died", self.name),
        }
    }

    /// When its process was started.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Whether it still runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        !*self.dead.borrow()
    }

    /// Kills it, by SIGKILL, and waits for its end.
    pub async fn kill(&self) {
        let _ = self.kill.send(());
        // An error means that whoever waits for its end is gone, and the process with it.
        let _ = self.dead.clone().wait_for(|dead| *dead).await;
    }

    /// Has it do `payload`.
    ///
    /// # Errors
    /// When it fails, dies or takes too long; then it is killed.
    pub async fn invoke(&self, payload: Value) -> Result<Value> {
        let (answer, answered) = oneshot::channel();
        let id = uuid::Uuid::new_v4().to_string();
        let deadline = milliseconds_since_1970() + self.timeout.as_millis();
        let sent = self.invocations.send(Invocation { id, payload: payload.to_string(), deadline, answer });
        sent.map_err(|_| anyhow!("{} takes no invocations any more", self.name))?;
        let mut dead = self.dead.clone();
        let outcome = timeout(self.timeout, async {
            tokio::select! {
                biased;
                answer = answered => answer.map_err(|_| anyhow!("{} gave no answer", self.name)),
                _ = dead.wait_for(|dead| *dead) => bail!("{} died", self.name),
            }
        });
        let Ok(outcome) = outcome.await else {
            self.kill().await;
            bail!("{} took longer than {:?} and was killed", self.name, self.timeout);
        };
        let text = outcome?.map_err(|error| anyhow!("{} failed: {error}", self.function))?;
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).with_context(|| format!("reading the answer of {}", self.function))
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        lock(&self.desks).remove(&self.name);
    }
}

#[expect(clippy::disallowed_methods, reason = "the clock of Lambda, which nobody moves")]
fn milliseconds_since_1970() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
}
