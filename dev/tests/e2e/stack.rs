//! The stack under test, which `cargo dev test` started.

use std::env;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use anyhow::Result;
use browser::Browser;
use harness::{DbObserver, MockControl, Request, Response, TestUser, Transport, send_over_http};
use reqwest::Client;
use serde_json::Value;
use stack::StackFolder;
use stack::services::names;
use stack::state::State;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

pub struct Stack {
    pub base_url: String,
    gemini_url: String,
    stripe_url: String,
    program: String,
    home: String,
}

pub fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `cargo dev test --e2e`"))
}

pub fn stack() -> &'static Stack {
    static STACK: OnceLock<Stack> = OnceLock::new();
    STACK.get_or_init(|| Stack {
        base_url: variable("E2E_BASE_URL"),
        gemini_url: variable("E2E_GEMINI_URL"),
        stripe_url: variable("E2E_STRIPE_URL"),
        program: variable("E2E_PROGRAM"),
        home: variable("E2E_HOME"),
    })
}

/// Opens a browser for the stack; `None` if the machine has none and none is required.
pub async fn open_browser() -> Option<Browser> {
    Browser::open(&stack().base_url).await
}

/// Locked for reading by tests that need the worker, for writing by tests that stop it.
static WORKER: RwLock<()> = RwLock::const_new(());

thread_local! {
    /// A client per thread: each test has its own runtime, and connections end with their runtime.
    static CLIENT: Client = {
        // Fails only if another provider is installed already.
        drop(rustls::crypto::ring::default_provider().install_default());
        Client::builder().no_proxy().build().unwrap()
    };
}

pub async fn send(base_url: &str, request: &Request) -> Result<Response> {
    send_over_http(&CLIENT.with(Client::clone), base_url, request).await
}

impl Transport for Stack {
    async fn send(&self, request: &Request) -> Result<Response> {
        send(&self.base_url, request).await
    }
}

impl Stack {
    /// Keeps the worker running while the guard lives.
    pub async fn with_worker(&self) -> RwLockReadGuard<'static, ()> {
        WORKER.read().await
    }

    /// Lets the caller alone stop and start the worker while the guard lives.
    pub async fn worker(&'static self) -> Worker {
        Worker { stack: self, _guard: WORKER.write().await }
    }

    /// Runs `cargo dev` on this stack and returns what it prints.
    pub fn dev(&self, args: &[&str]) -> String {
        let output =
            Command::new(&self.program).args(["--stack-folder", &self.home]).args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn mocks(&self) -> MockControl {
        MockControl {
            client: CLIENT.with(Client::clone),
            gemini_url: self.gemini_url.clone(),
            stripe_url: self.stripe_url.clone(),
            stripe_key: stack::services::mocks::STRIPE_KEY.to_owned(),
        }
    }

    pub async fn script(&self, text: &str, steps: Value) {
        self.mocks().script(text, steps).await.unwrap();
    }

    pub async fn calls(&self, text: &str) -> usize {
        self.mocks().gemini_calls(text).await.unwrap()
    }

    pub async fn db(&self) -> DbObserver {
        DbObserver::connect(&self.state().env["DATABASE_URL"]).await.unwrap()
    }

    fn state(&self) -> State {
        State::load(&StackFolder::at(Path::new(&self.home))).unwrap().unwrap()
    }

    pub async fn user_with_chatroom(&self) -> (TestUser, String) {
        let user = self.sign_up().await;
        let chatroom = user.create_chatroom(self).await.unwrap();
        (user, chatroom)
    }

    pub async fn sign_up(&self) -> TestUser {
        TestUser::sign_up(self).await.unwrap()
    }

    pub async fn get(&self, user: &TestUser, path: &str) -> Value {
        user.request("GET", path).send(self).await.unwrap().expect(200).body
    }

    pub async fn outcome(&self, user: &TestUser, message: impl ToString) -> Value {
        user.wait_until_done(self, message).await.unwrap()
    }
}

/// Fails the test unless `actual` has all fields of `expected`, with the same values.
#[track_caller]
pub fn assert_fields(actual: &Value, expected: &Value) {
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&actual[name], value, "{name} in {actual}");
    }
}

/// The worker, which the holder may stop and start. It runs again when this is dropped.
pub struct Worker {
    stack: &'static Stack,
    _guard: RwLockWriteGuard<'static, ()>,
}

impl Worker {
    /// Stops the event source mapping. Invocations in progress finish; no message is received
    /// afterwards.
    pub fn stop(&self) {
        self.stack.dev(&["stop", "worker"]);
        let mapping = self.stack.state().service(names::EVENT_SOURCE_MAPPING).unwrap().handle.clone();
        assert!(!mapping.is_alive(), "the event source mapping still runs");
    }

    pub fn start(&self) {
        self.stack.dev(&["start", "worker"]);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Also after a failed test: the next test needs the worker.
        let args = ["--stack-folder", &self.stack.home, "start", "worker"];
        drop(Command::new(&self.stack.program).args(args).output());
    }
}
