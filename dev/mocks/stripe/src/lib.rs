//! A mock server for Stripe in its wire format, with state.
//!
//! **Stripe's API**, below `/v1` with the key as a bearer token or as the user name of Basic
//! authentication: customers, one product and its [`PRICE`], checkout sessions in subscription mode
//! with trials and promotion codes, subscriptions, invoices and their payments, charges, disputes,
//! the customer portal and events. Each key that begins with `sk_test_` or `rk_test_` is a separate
//! account, at first empty. Parameters are validated; those that the mock does not implement are
//! refused as unknown. Idempotency keys replay the first response. Objects have the form of API
//! version `2026-09-30.endive`, or of another version in `Stripe-Version`, see `versions.rs`.
//!
//! **Hosted pages**: `/c/pay/{session}` is the checkout page, `/p/session/{session}` the portal and
//! `/i/{invoice}` the page of an invoice. Cards: `4242 4242 4242 4242` pays, `4000 0000 0000 0002`
//! is declined, `4000 0000 0000 0341` pays the first time only, `4000 0027 6000 3184` needs the
//! user's confirmation for each payment (3-D Secure). The promotion code `FREE` takes the whole
//! amount off the first invoice.
//!
//! **Control API**, for tests and demonstrations, with the key of the account:
//!
//! | call | effect |
//! |---|---|
//! | `POST /_control/checkout/{session} {"card": "...", "promotion_code": "..."}` | pays, as the user does on the page, with an optional code; returns the session |
//! | `POST /_control/invoices/{id}/confirm {"succeeds": true}` | ends the confirmation of a payment, as the user does on the page of the invoice |
//! | `POST /_control/invoices/{id} {...}` | sets any fields of it, such as `hosted_invoice_url` |
//! | `POST /_control/charges/{id}/refund {"amount": 500}` | refunds a charge, fully with `null` |
//! | `POST /_control/charges/{id}/dispute {"status": "needs_response"}` | opens a dispute, or changes its status: `won`, `lost` and others |
//! | `POST /_control/prices {"id": "...", "unit_amount": 1500, "currency": "jpy", "active": false}` | creates a price, or changes the given fields |
//! | `POST /_control/endpoint {"api_version": "..."}` | sets the API version in which events are sent |
//! | `POST /_control/subscriptions {"customer": "...", "metadata": {}, "price": "..."}` | creates a subscription, as an operator does in the dashboard |
//! | `POST /_control/subscriptions/{id}/renew` | ends the period now: the subscription renews, becomes `past_due` or is canceled, by its card and its cancellation date |
//! | `POST /_control/subscriptions/{id}/give_up` | cancels the subscription, as Stripe does after its last payment retry |
//! | `POST /_control/subscriptions/{id} {...}` | sets any fields of it, such as `status` |
//! | `POST /_control/customers {"metadata": {}}` | creates a customer, as an operator does in the dashboard |
//! | `DELETE /_control/customers/{id}` | deletes a customer, as an operator does in the dashboard |
//! | `GET /_control/events` | all events, oldest first, each with its `payload` and a fresh `signature`; without an endpoint the secret is `whsec_of_` and the key |
//! | `POST /_control/portal {"configured": false}` | refuses to open the customer portal until `true` |
//! | `POST /_control/delivery {"hold": true}` | stops the automatic delivery of events until `false` |
//! | `POST /_control/deliveries [{"event": "evt_...", "times": 1, "delay_ms": 0, "forge": "..."}]` | delivers these events in this order, even while delivery is stopped; returns status and duration of each |
//! | `POST /_control/faults [{"fault": "...", ...}]` | sets one fault for each of the next calls to Stripe's API, see `faults.rs`; `[]` deletes them |
//! | `GET /_control/calls` | the number of calls by method and path, without ids |
//!
//! Events are signed and sent to the endpoint of the account, if it has one, and sent again with
//! exponential backoff until the response is 2xx.

#![expect(
    missing_docs,
    clippy::must_use_candidate,
    reason = "an internal tool: comments add only what the names do not say"
)]
mod account;
mod api;
mod card;
mod control;
mod error;
mod faults;
mod forgery;
mod hosted_pages;
mod lifecycle;
mod objects;
mod params;
mod payments;
mod versions;
mod webhooks;

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::routing::{any, get};
use chrono::{DateTime, Utc};
use reqwest::Client;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use self::account::Account;
pub use self::forgery::Forgery;
pub use self::objects::PRICE;
pub use self::webhooks::{Endpoint, payload};

/// The mock server. Clones share its state.
#[derive(Clone)]
pub struct MockStripe {
    state: Arc<Mutex<State>>,
    base_url: Arc<str>,
    /// Made on first use, because most tests deliver nothing.
    http: Arc<LazyLock<Client>>,
}

#[derive(Default)]
struct State {
    accounts: HashMap<String, Account>,
    endpoints: HashMap<String, Endpoint>,
    file: Option<PathBuf>,
}

impl State {
    fn save(&self) -> Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let text = serde_json::to_vec(&self.accounts).context("serializing the accounts of Stripe")?;
        fs::write(file, text).with_context(|| format!("writing {}", file.display()))
    }
}

/// Serves a mock Stripe on `port` until the process ends. Its state is saved in the file `state`,
/// if given; the events of the account `key` are sent to `endpoint`.
pub async fn serve(port: u16, state: Option<PathBuf>, key: &str, endpoint: Endpoint) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    let listener = listener.with_context(|| format!("listening on port {port} for the mock Stripe"))?;
    let mut mock = MockStripe::new(&format!("http://127.0.0.1:{port}"));
    if let Some(file) = state {
        mock = mock.saved_in(file)?;
    }
    mock.set_endpoint(key, endpoint);
    mock.serve(listener).await
}

impl MockStripe {
    /// A mock Stripe whose hosted pages are at `base_url`, such as `http://127.0.0.1:4000`.
    pub fn new(base_url: &str) -> Self {
        let http = Arc::new(LazyLock::new(webhooks::client as fn() -> Client));
        Self { state: Arc::default(), base_url: base_url.into(), http }
    }

    /// Starts a mock Stripe on a free port. Returns it, its base URL and the server's task.
    pub async fn start() -> Result<(Self, String, JoinHandle<Result<()>>)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let mock = Self::new(&base_url);
        let server = tokio::spawn(mock.clone().serve(listener));
        Ok((mock, base_url, server))
    }

    /// Loads the state from `file`, if it exists, and saves it there after each change.
    pub fn saved_in(self, file: PathBuf) -> Result<Self> {
        let reading = || format!("reading {}", file.display());
        let mut accounts: HashMap<String, Account> = match fs::read(&file) {
            Ok(text) => serde_json::from_slice(&text).with_context(reading)?,
            Err(error) if error.kind() == ErrorKind::NotFound => HashMap::new(),
            Err(error) => return Err(error).with_context(reading),
        };
        // The port may differ from that of the previous run.
        for account in accounts.values_mut() {
            self.base_url.as_ref().clone_into(&mut account.base_url);
        }
        *self.state() = State { accounts, file: Some(file), ..State::default() };
        Ok(self)
    }

    pub fn set_endpoint(&self, key: &str, endpoint: Endpoint) {
        self.state().endpoints.insert(key.to_owned(), endpoint);
    }

    pub async fn serve(self, listener: TcpListener) -> Result<()> {
        Ok(axum::serve(listener, self.router()).await?)
    }

    pub fn router(self) -> Router {
        Router::new()
            .route("/c/pay/{session}", get(hosted_pages::checkout).post(hosted_pages::pay))
            .route("/i/{invoice}", get(hosted_pages::invoice).post(hosted_pages::pay_invoice))
            .route("/p/session/{session}", get(hosted_pages::portal).post(hosted_pages::portal_action))
            .route("/_control/{*path}", any(control::call))
            .fallback(api::call)
            .with_state(self)
    }

    fn webhook_secret(&self, key: &str) -> String {
        let endpoint = self.state().endpoints.get(key).map(|endpoint| endpoint.secret.clone());
        endpoint.unwrap_or_else(|| format!("whsec_of_{key}"))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `act` on the account `key`, then saves the state and sends the new events.
    fn with_account<T>(&self, key: &str, act: impl FnOnce(&mut Account) -> T) -> T {
        let mut state = self.state();
        let new = || Account::new(&self.base_url);
        let account = state.accounts.entry(key.to_owned()).or_insert_with(new);
        let outcome = act(account);
        let unsent = account.take_unsent_events();
        if let Some(endpoint) = state.endpoints.get(key) {
            for event in unsent {
                let http = Client::clone(&self.http);
                tokio::spawn(webhooks::deliver_with_retries(http, endpoint.clone(), event));
            }
        }
        if let Err(error) = state.save() {
            eprintln!("{error:#}");
        }
        outcome
    }

    /// The key of the account for which `has` is true. Hosted pages are requested without a key.
    fn find_account(&self, has: impl Fn(&Account) -> bool) -> Option<String> {
        self.state().accounts.iter().find(|(_, account)| has(account)).map(|(key, _)| key.clone())
    }
}

pub fn sign(payload: &str, secret: &str) -> String {
    webhooks::sign(payload, secret, now().timestamp())
}

#[expect(clippy::disallowed_methods, reason = "the mock is a separate service with a real clock")]
fn now() -> DateTime<Utc> {
    Utc::now()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn state_is_saved_and_loaded() {
        let file = std::env::temp_dir().join(format!("stripe-{}.json", Uuid::new_v4()));
        let mock = || MockStripe::new("http://x").saved_in(file.clone()).unwrap();
        let new = params::read("metadata[user_id]=u").unwrap();
        let customer = mock().with_account("sk_test_1", |account| account.create_customer(&new));
        let loaded = mock().with_account("sk_test_1", |account| account.customers.clone());
        assert_eq!(loaded, [customer]);
        fs::write(&file, "nonsense").unwrap();
        assert!(MockStripe::new("http://x").saved_in(file.clone()).is_err());
        fs::remove_file(file).unwrap();
    }
}
