//! One process of a function, an execution environment in Lambda's terms.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow, bail};
use bytes::Bytes;
use serde_json::Value;
use stack::process::{Handle, KillOnDrop, Launch};
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::time::{self, Instant};

use super::reply::{Collected, Invoker, Reply, StreamedReply};
use super::{Slots, lock, streaming_format};

/// The Runtime API's side of one process: its next invocations, and those that it has not answered.
pub(super) struct RuntimeApiSlot {
    invocations: mpsc::UnboundedSender<Invocation>,
    pub(super) next: Mutex<mpsc::UnboundedReceiver<Invocation>>,
    pub(super) unanswered: std::sync::Mutex<HashMap<String, oneshot::Sender<Outcome>>>,
    /// When the process first requested an invocation.
    pub(super) ready: watch::Sender<Option<Instant>>,
}

/// The function's answer, or the error that it reported.
pub(super) type Outcome = std::result::Result<Reply, String>;

pub(super) struct Invocation {
    pub(super) id: String,
    pub(super) payload: String,
    /// When it times out, in milliseconds since 1970.
    pub(super) deadline: u128,
    pub(super) outcome: oneshot::Sender<Outcome>,
}

/// A process of a function. Dropping it kills the process.
pub struct Instance {
    function: String,
    name: String,
    slots: Arc<Slots>,
    slot: Arc<RuntimeApiSlot>,
    handle: Handle,
    _guard: KillOnDrop,
    dead: watch::Receiver<bool>,
    started: Instant,
    timeout: Duration,
}

impl Instance {
    pub(super) fn start(
        launch: Launch,
        port: u16,
        slots: &Arc<Slots>,
        function: &str,
        timeout: Duration,
    ) -> Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("{function}-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let mut launch = launch.env([
            ("AWS_LAMBDA_FUNCTION_NAME", function),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_RUNTIME_API", &format!("http://127.0.0.1:{port}/{name}")),
        ]);

        let (invocations, next) = mpsc::unbounded_channel();
        let slot = Arc::new(RuntimeApiSlot {
            invocations,
            next: Mutex::new(next),
            unanswered: std::sync::Mutex::default(),
            ready: watch::Sender::new(None),
        });
        lock(slots).insert(name.clone(), slot.clone());
        let started = Instant::now();
        let (mut child, guard) = launch.spawn()?;
        let handle = child.id().and_then(Handle::of);
        let handle = handle.with_context(|| format!("`{}` ended at once", launch.line()))?;
        let (died, dead) = watch::channel(false);
        tokio::spawn(async move {
            drop(child.wait().await);
            let _ = died.send(true);
        });
        let (function, slots) = (function.to_owned(), slots.clone());
        Ok(Self { function, name, slots, slot, handle, _guard: guard, dead, started, timeout })
    }

    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Waits for the end of the cold start, and returns the time from the start of the process
    /// until its first request for an invocation.
    pub async fn ready(&self) -> Result<Duration> {
        let (mut ready, mut dead) = (self.slot.ready.subscribe(), self.dead.clone());
        tokio::select! {
            at = ready.wait_for(Option::is_some) => {
                let at = at.map_err(|_| anyhow!("{} has no slot", self.name))?;
                Ok(at.map_or(Duration::ZERO, |at| at - self.started))
            }
            _ = dead.wait_for(|dead| *dead) => bail!("{} died", self.name),
        }
    }

    pub fn started(&self) -> Instant {
        self.started
    }

    pub fn is_alive(&self) -> bool {
        !*self.dead.borrow()
    }

    pub async fn kill(&self) {
        self.handle.kill_tree();
        // Fails only if the task that waits for the end is gone, and the process with it.
        let _ = self.dead.clone().wait_for(|dead| *dead).await;
    }

    /// Invokes the function in this process, and collects a response that it streams. Kills the
    /// process if it exceeds its timeout.
    pub async fn invoke(&self, payload: Value) -> Result<Value> {
        Ok(self.collect(payload).await?.document)
    }

    pub(super) async fn collect(&self, payload: Value) -> Result<Collected> {
        let collect = async {
            let mut reply = match self.reply(payload).await? {
                Reply::Buffered(text) => {
                    return Ok(Collected { document: self.parse(&text)?, is_streamed: false });
                }
                Reply::Streamed(reply) => reply,
            };
            let mut response = Vec::new();
            while let Some(chunk) = self.next_chunk(&mut reply).await? {
                response.extend_from_slice(&chunk);
            }
            Ok(Collected { document: streaming_format::to_document(&response)?, is_streamed: true })
        };
        self.within_timeout(collect).await
    }

    /// Invokes the function in this process, and passes on what it streams as it comes, until the
    /// function ends or exceeds its timeout. Returns whether the response is complete.
    pub(super) async fn stream(&self, payload: Value, mut invoker: Invoker) -> bool {
        let forward = async {
            match self.reply(payload).await? {
                Reply::Buffered(text) => invoker.answer(self.parse(&text)?),
                Reply::Streamed(mut reply) => {
                    invoker.begin_stream();
                    while let Some(chunk) = self.next_chunk(&mut reply).await? {
                        invoker.send(chunk).await;
                    }
                }
            }
            Ok(())
        };
        match self.within_timeout(forward).await {
            Ok(()) => true,
            Err(error) => {
                invoker.fail(error).await;
                false
            }
        }
    }

    /// Passes an invocation to the process, and waits for the beginning of its answer.
    async fn reply(&self, payload: Value) -> Result<Reply> {
        let (outcome, answered) = oneshot::channel();
        let id = uuid::Uuid::new_v4().to_string();
        let deadline = milliseconds_since_1970() + self.timeout.as_millis();
        let sent =
            self.slot.invocations.send(Invocation { id, payload: payload.to_string(), deadline, outcome });
        sent.map_err(|_| anyhow!("{} accepts no invocations", self.name))?;
        let answered = async { answered.await.map_err(|_| anyhow!("{} did not answer", self.name)) };
        let outcome = self.unless_dead(answered).await?;
        outcome.map_err(|error| anyhow!("{} failed: {error}", self.function))
    }

    /// The next chunk. A process that closes its connection in mid-stream has ended, or is about to
    /// end.
    async fn next_chunk(&self, reply: &mut StreamedReply) -> Result<Option<Bytes>> {
        let chunk = self.unless_dead(reply.next()).await;
        if reply.is_broken() {
            self.kill().await;
        }
        chunk
    }

    async fn unless_dead<T>(&self, answer: impl Future<Output = Result<T>>) -> Result<T> {
        let mut dead = self.dead.clone();
        tokio::select! {
            biased;
            answer = answer => answer,
            _ = dead.wait_for(|dead| *dead) => bail!("{} died", self.name),
        }
    }

    async fn within_timeout<T>(&self, answer: impl Future<Output = Result<T>>) -> Result<T> {
        if let Ok(answer) = time::timeout(self.timeout, answer).await {
            return answer;
        }
        self.kill().await;
        bail!("{} exceeded its timeout of {:?} and was killed", self.name, self.timeout);
    }

    fn parse(&self, document: &str) -> Result<Value> {
        if document.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(document).with_context(|| format!("reading the response of {}", self.function))
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        lock(&self.slots).remove(&self.name);
    }
}

#[expect(clippy::disallowed_methods, reason = "Lambda's own clock, which no test moves")]
fn milliseconds_since_1970() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
}
