//! The smoke test: signs up as a user does, sends a message, follows its answer and deletes the account,
//! against the deployed service over HTTP. [`resource`] is the custom resource that runs it in a
//! deployment; it is also a command.

pub(crate) mod abandoned_accounts;
mod account;
mod api;
mod failure;
pub(crate) mod health;
mod journey;
mod report;
mod resource;
pub(crate) mod step;
mod stream;

use std::time::Duration;

use app::Config;
use lambda_runtime::Error;

use self::api::Api;
use self::journey::Journey;
pub use self::report::Report;
pub use self::resource::DEPENDENCIES;
pub(crate) use self::resource::respond;

/// The service to test.
#[derive(Debug, Clone, Default)]
pub struct Target {
    /// The base URL of the HTTP API.
    pub api_url: String,
    /// The base URL of streams. `None`: the one that the service tells its clients.
    pub stream_url: Option<String>,
    /// The fingerprint and the commit that `/health` must show, where they are known.
    pub deployment: Option<String>,
    /// See `deployment`.
    pub commit: Option<String>,
    /// How long to wait.
    pub timeouts: Timeouts,
}

/// How long to wait for the service.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Until it is up: a new API answers 403, 404 or nothing until its routes are everywhere.
    pub start: Duration,
    /// Until the message is answered, the worker's cold start and Gemini's time included.
    pub answer: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { start: Duration::from_secs(30), answer: Duration::from_secs(90) }
    }
}

/// Runs the smoke test against `target` with the configuration of its deployment: the code of the
/// sign-up is stored in its Redis, under its secret.
///
/// # Errors
/// No HTTP client can be built. What the service does wrong is in the report.
pub async fn run(config: &Config, target: &Target) -> Result<Report, Error> {
    abandoned_accounts::delete(config).await;
    let journey = Journey::new(config, target, Api::new(&target.api_url)?);
    Ok(journey.run().await)
}
