//! A stand-in for Stripe that keeps what it is told, in the wire format of the API's version `2026-09-30.endive`.
//!
//! For clients of Stripe: customers, products and prices (one, [`PRICE`]), checkout sessions in subscription mode,
//! subscriptions, invoices, the customer portal and events, below `/v1`, with the key in `Authorization: Bearer`. Each key
//! that begins with `sk_test_` or `rk_test_` is an account of its own, which begins empty. Parameters are checked
//! (`params.rs`), and those that Stripe knows and this does not are refused as unknown. Idempotency keys are honoured.
//!
//! For people: `/c/pay/{session}` is the checkout page, `/p/session/{session}` the portal. Cards: `4242 4242 4242 4242` pays,
//! `4000 0000 0000 0002` is declined, `4000 0000 0000 0341` pays once and never again.
//!
//! For tests and demonstrations, with the key of the account:
//!
//! | call | effect |
//! |---|---|
//! | `POST /_control/checkout/{session} {"card": "..."}` | what a person does on the page; answers the session |
//! | `POST /_control/subscriptions {"customer": "..."}` | somebody begins a subscription in the dashboard |
//! | `POST /_control/subscriptions/{id}/renew` | its period ends now: it is paid for, or not, or has ended, as the card and the person wanted |
//! | `POST /_control/subscriptions/{id}/give_up` | Stripe gives up on a payment: it is cancelled |
//! | `POST /_control/subscriptions/{id} {...}` | sets fields of it to anything, `status` for example, as no client could |
//! | `DELETE /_control/customers/{id}` | somebody deletes a customer in the dashboard |
//! | `GET /_control/events` | all events, oldest first, each with its `payload` and a `signature` made now, with `whsec_of_` and the key where there is no endpoint |
//! | `POST /_control/delivery {"hold": true}` | events are kept and not sent until they are asked for, or until `false` |
//! | `POST /_control/deliveries [{"event": "evt_...", "times": 1, "delay_ms": 0, "forge": "..."}]` | sends these in this order, whether held or not; answers status and duration of each |
//! | `POST /_control/faults [{"fault": "...", ...}]` | what the next calls of clients get, one each, see `faults.rs`; `[]` forgets them |
//! | `GET /_control/calls` | how often each method and path was called, ids left out |
//!
//! Events are sent to the endpoint of the account, where it has one, signed, and again after a pause that doubles until they
//! are answered with 2xx.

// Stripe's objects have some hundred fields, and `json!` goes one level deeper for each.
#![recursion_limit = "512"]

mod account;
mod api;
mod control;
mod error;
mod faults;
mod forge;
mod life;
mod objects;
mod pages;
mod params;
#[cfg(test)]
mod tests;
mod webhooks;

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::routing::{delete, get, post};
use chrono::{DateTime, Utc};
use tokio::net::TcpListener;

use self::account::Account;
pub use self::forge::Forgery;
pub use self::objects::PRICE;
pub use self::webhooks::{Endpoint, payload};

/// The stand-in. Clones share what it keeps.
#[derive(Clone)]
pub struct StandIn {
    memory: Arc<Mutex<Memory>>,
    address: Arc<str>,
    http: reqwest::Client,
}

#[derive(Default)]
struct Memory {
    accounts: HashMap<String, Account>,
    endpoints: HashMap<String, Endpoint>,
    /// The file in which accounts are kept.
    file: Option<PathBuf>,
}

impl Memory {
    fn keep(&self) -> Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let text = serde_json::to_vec(&self.accounts).context("writing down what Stripe has")?;
        fs::write(file, text).with_context(|| format!("writing {}", file.display()))
    }
}

/// Serves a stand-in on `port` until the process ends. What it has is kept in the file `state`, if one is given; the events
/// of the account whose key is `key` go to `endpoint`.
///
/// # Errors
/// When the port is taken, or what was kept cannot be read.
pub async fn serve(port: u16, state: Option<PathBuf>, key: &str, endpoint: Endpoint) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .with_context(|| format!("listening on port {port} for the stand-in for Stripe"))?;
    let mut stand_in = StandIn::new(&format!("http://127.0.0.1:{port}"));
    if let Some(path) = state {
        stand_in = stand_in.kept_in(path)?;
    }
    stand_in.set_endpoint(key, endpoint);
    stand_in.serve(listener).await
}

impl StandIn {
    /// One that knows itself by `address`, such as `http://127.0.0.1:4000`, which its pages' addresses begin with.
    #[must_use]
    pub fn new(address: &str) -> Self {
        Self { memory: Arc::default(), address: address.into(), http: webhooks::client() }
    }

    /// This one, with what is kept in `file` from before, which it keeps on.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn kept_in(self, file: PathBuf) -> Result<Self> {
        let reading = || format!("reading {}", file.display());
        let mut accounts: HashMap<String, Account> = match fs::read(&file) {
            Ok(text) => serde_json::from_slice(&text).with_context(reading)?,
            Err(error) if error.kind() == ErrorKind::NotFound => HashMap::new(),
            Err(error) => return Err(error).with_context(reading),
        };
        // It may be found elsewhere than before.
        for account in accounts.values_mut() {
            account.move_to(&self.address);
        }
        *self.memory() = Memory { accounts, file: Some(file), ..Memory::default() };
        Ok(self)
    }

    /// Sends the events of the account whose key is `key` to `endpoint` from now on.
    pub fn set_endpoint(&self, key: &str, endpoint: Endpoint) {
        self.memory().endpoints.insert(key.to_owned(), endpoint);
    }

    /// Serves on the listener until the future is dropped.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(self, listener: TcpListener) -> Result<()> {
        axum::serve(listener, self.router()).await?;
        Ok(())
    }

    /// The routes, for those who bring their own server.
    pub fn router(self) -> Router {
        Router::new()
            .route("/c/pay/{session}", get(pages::checkout).post(pages::pay))
            .route("/p/session/{session}", get(pages::portal).post(pages::portal_action))
            .route("/_control/checkout/{session}", post(control::pay))
            .route("/_control/subscriptions", post(control::begin))
            .route("/_control/subscriptions/{id}", post(control::set))
            .route("/_control/subscriptions/{id}/renew", post(control::renew))
            .route("/_control/subscriptions/{id}/give_up", post(control::give_up))
            .route("/_control/customers/{id}", delete(control::delete_customer))
            .route("/_control/events", get(control::events))
            .route("/_control/delivery", post(control::set_delivery))
            .route("/_control/deliveries", post(control::deliver))
            .route("/_control/faults", post(control::set_faults))
            .route("/_control/calls", get(control::calls))
            .fallback(api::call)
            .with_state(self)
    }

    /// What the events of the account whose key is `key` are signed with, where they are sent nowhere too.
    fn secret_of(&self, key: &str) -> String {
        let endpoint = self.memory().endpoints.get(key).map(|endpoint| endpoint.secret.clone());
        endpoint.unwrap_or_else(|| format!("whsec_of_{key}"))
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something to the account whose key is `key`, then sends the events that came of it.
    fn with_account<T>(&self, key: &str, act: impl FnOnce(&mut Account) -> T) -> T {
        let mut memory = self.memory();
        let address = &self.address;
        let account = memory.accounts.entry(key.to_owned()).or_insert_with(|| Account::new(address));
        let outcome = act(account);
        let fresh = account.take_unsent();
        if let Some(endpoint) = memory.endpoints.get(key) {
            for event in fresh {
                webhooks::send_until_taken(self.http.clone(), endpoint.clone(), event);
            }
        }
        if let Err(error) = memory.keep() {
            eprintln!("{error:#}");
        }
        outcome
    }

    /// The key of the account that has something: pages are found by their own id.
    fn owner_of(&self, has: impl Fn(&Account) -> bool) -> Option<String> {
        self.memory().accounts.iter().find(|(_, account)| has(account)).map(|(key, _)| key.clone())
    }
}

/// The header `Stripe-Signature` for `payload`, made now with `secret`.
#[must_use]
pub fn sign(payload: &str, secret: &str) -> String {
    webhooks::sign(payload, secret, now().timestamp())
}

/// Now.
#[expect(clippy::disallowed_methods, reason = "a program of its own, whose time nobody moves")]
fn now() -> DateTime<Utc> {
    Utc::now()
}
