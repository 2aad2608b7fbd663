//! Sends requests to Stripe, with one retry.
//!
//! A request that changes something has an idempotency key. The retry uses the same key when the
//! response was lost, and another key after a server error, because Stripe stores failures under
//! the key too. Later retries are up to the caller, by [`StripeError::is_transient`].

use std::collections::HashMap;
use std::time::Duration;

use domain::UserId;
use miniserde::Deserialize;
use stripe_client_core::{IdempotencyKey, RequestBuilder, RequestStrategy, StripeMethod, StripeRequest};
use tokio::time::sleep;
use uuid::Uuid;

use super::Stripe;
use super::error::StripeError;
use super::wire::USER_ID;

/// How often a request is sent at most.
const MAX_ATTEMPTS: u32 = 2;

/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(250);

/// The most items that are read of a list: the most on one of Stripe's pages.
pub(super) const PAGE_SIZE: i64 = 100;

impl Stripe {
    /// Sends a request that only reads.
    pub(super) async fn read<T: Deserialize>(
        &self,
        request: &(impl StripeRequest + Sync),
    ) -> Result<T, StripeError> {
        self.send_with_retry(request, None).await
    }

    /// Sends a request that changes something, under the idempotency key `key`.
    pub(super) async fn send<T: Deserialize>(
        &self,
        request: &(impl StripeRequest + Sync),
        key: &str,
    ) -> Result<T, StripeError> {
        self.send_with_retry(request, Some(key)).await
    }

    async fn send_with_retry<T: Deserialize>(
        &self,
        request: &(impl StripeRequest + Sync),
        key: Option<&str>,
    ) -> Result<T, StripeError> {
        let (mut attempt, mut key) = (1, key.map(str::to_owned));
        loop {
            let mut request = request.build().customize::<T>();
            if let Some(key) = &key {
                let key = IdempotencyKey::new(key).map_err(|_| StripeError::invalid_idempotency_key())?;
                request = request.request_strategy(RequestStrategy::Idempotent(key));
            }
            // Boxed, because the futures of all callers would be huge otherwise.
            let error = match Box::pin(request.send(&self.http)).await {
                Err(error) if error.is_transient() && attempt < MAX_ATTEMPTS => error,
                result => return result,
            };
            attempt += 1;
            // Stripe stores a server error under its key and would return it again.
            if error.is_server_error() {
                key = key.map(|key| format!("{key}-{attempt}"));
            }
            sleep(PAUSE).await;
        }
    }
}

/// A request that async-stripe's types cannot express.
pub(super) struct FormRequest<'a> {
    pub(super) path: String,
    pub(super) fields: &'a [(&'a str, &'a str)],
}

impl StripeRequest for FormRequest<'_> {
    type Output = ();

    fn build(&self) -> RequestBuilder {
        let fields: HashMap<_, _> = self.fields.iter().copied().collect();
        RequestBuilder::new(StripeMethod::Post, &self.path).form(&fields)
    }
}

/// A request for one object or one list, of which this project reads few fields.
pub(super) struct GetRequest<'a> {
    pub(super) path: String,
    pub(super) query: &'a [(&'a str, &'a str)],
}

impl StripeRequest for GetRequest<'_> {
    type Output = ();

    fn build(&self) -> RequestBuilder {
        let query: HashMap<_, _> = self.query.iter().copied().collect();
        RequestBuilder::new(StripeMethod::Get, &self.path).query(&query)
    }
}

/// The metadata on every object of a user: the user's id.
pub(super) fn metadata(user: UserId) -> HashMap<String, String> {
    HashMap::from([(USER_ID.to_owned(), user.to_string())])
}

/// A key for a request that is harmless to execute twice: it only deduplicates the retry.
pub(super) fn random_key() -> String {
    Uuid::new_v4().to_string()
}
