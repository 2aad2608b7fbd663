//! The stack that is tested.

use std::env;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use reqwest::Client;
use serde_json::{Value, json};
use stack::StackFolder;
use stack::state::State;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio_postgres::NoTls;

/// Where everything is.
pub struct Stack {
    pub base_url: String,
    gemini_url: String,
    stripe_url: String,
    /// `cargo dev` itself.
    program: String,
    home: String,
}

/// The stack that `cargo dev test` has started.
pub fn stack() -> &'static Stack {
    static STACK: OnceLock<Stack> = OnceLock::new();
    let variable =
        |name| env::var(name).unwrap_or_else(|_| panic!("there is no stack to test: run `cargo dev test`"));
    STACK.get_or_init(|| Stack {
        base_url: variable("E2E_BASE_URL"),
        gemini_url: variable("E2E_GEMINI_URL"),
        stripe_url: variable("E2E_STRIPE_URL"),
        program: variable("E2E_PROGRAM"),
        home: variable("E2E_HOME"),
    })
}

/// Held for reading by tests that want the worker to run, for writing by those that stop it.
static WORKER: RwLock<()> = RwLock::const_new(());

impl Stack {
    /// A client for one test: each has a runtime of its own, which connections do not outlive.
    pub fn client() -> Client {
        // An error means that the cryptography is chosen already.
        drop(rustls::crypto::ring::default_provider().install_default());
        Client::builder().no_proxy().build().unwrap()
    }

    /// Keeps the worker running for as long as the answer lives.
    pub async fn with_worker(&self) -> RwLockReadGuard<'static, ()> {
        WORKER.read().await
    }

    /// Lets the caller alone stop and start the worker for as long as the answer lives.
    pub async fn worker(&self) -> Worker {
        Worker { program: self.program.clone(), home: self.home.clone(), _alone: WORKER.write().await }
    }

    /// Runs `cargo dev` with `args` on this stack.
    pub fn dev(&self, args: &[&str]) {
        let output = Command::new(&self.program).args(["--stack-folder", &self.home]).args(args).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Has the stand-in for Gemini take these steps when asked something with `matching` in it.
    pub async fn script(&self, matching: &str, steps: Value) {
        let url = format!("{}/_control/script", self.gemini_url);
        let answer =
            Self::client().post(url).json(&json!({"match": matching, "steps": steps})).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    }

    /// Asks the stand-in for Stripe something, or tells it something.
    pub async fn stripe(&self, method: &str, path: &str, body: &Value) -> Value {
        let request = Self::client()
            .request(method.parse().unwrap(), format!("{}{path}", self.stripe_url))
            .bearer_auth(stack::services::stripe::KEY);
        let request = if body.is_null() { request } else { request.json(body) };
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{method} {path}: {}", answer.text().await.unwrap());
        answer.json().await.unwrap()
    }

    /// Runs `sql` on the database.
    pub async fn sql(&self, sql: &str) {
        let state = State::load(&StackFolder::at(Path::new(&self.home))).unwrap().unwrap();
        let (client, connection) = tokio_postgres::connect(&state.env["DATABASE_URL"], NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(sql).await.unwrap();
    }

    /// How often Gemini was asked for an answer to something with `text` in it.
    pub async fn calls(&self, text: &str) -> usize {
        let url = format!("{}/_control/calls", self.gemini_url);
        let log: Value = Self::client().get(url).send().await.unwrap().json().await.unwrap();
        let asked = |call: &&Value| call["last_user_text"].as_str().is_some_and(|asked| asked.contains(text));
        log["calls"].as_array().unwrap().iter().filter(asked).count()
    }
}

/// The worker, to be stopped and started. It runs again when this is dropped.
pub struct Worker {
    program: String,
    home: String,
    _alone: RwLockWriteGuard<'static, ()>,
}

impl Worker {
    pub fn stop(&self) {
        self.tell("stop");
    }

    pub fn start(&self) {
        self.tell("start");
    }

    fn tell(&self, what: &str) {
        let output =
            Command::new(&self.program).args(["--stack-folder", &self.home, what, "worker"]).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{what} worker: {}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // The next test wants it, even if this one has failed.
        let again =
            Command::new(&self.program).args(["--stack-folder", &self.home, "start", "worker"]).output();
        drop(again);
    }
}
