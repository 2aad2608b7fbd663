//! Password verification: hashing off the async threads, and limits on the number of attempts.

use std::time::Duration;

use app::AppState;
use app::telemetry::chain;
use clients::redis::password_attempts::{AttemptDecision, Counters, PasswordAttempt};
use domain::MobileNumber;
use domain::password::{DUMMY_HASH, HashError, NewPassword, Password, Verification};
use thiserror::Error;
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

/// Minimum time to reject a password. It exceeds the time to verify any hash, including the slower
/// hashes of imported accounts, so that the response time reveals nothing about the account.
const MIN_REJECTION_TIME: Duration = Duration::from_millis(300);

/// Where a password came from.
#[derive(Debug, Clone)]
pub struct Origin<'a> {
    /// The network of the client. Attempts are counted for each account and network.
    pub network: String,
    /// The client's address, for the log.
    pub address: &'a str,
}

impl Origin<'_> {
    fn attempt<'a>(&'a self, account: &'a str) -> PasswordAttempt<'a> {
        PasswordAttempt { account, network: &self.network }
    }
}

/// Why a password was not verified, hashed or accepted.
#[derive(Debug, Error)]
pub enum PasswordError {
    /// There were too many wrong passwords for this account.
    #[error("too many wrong passwords for this account")]
    TooManyAttempts {
        /// The time until the next attempt is allowed.
        retry_after: Duration,
    },
    /// The new password is the account's mobile number.
    #[error("{field}: must not be the number of the account")]
    IsMobileNumber {
        /// The request's field with the password.
        field: &'static str,
    },
    /// Hashing failed, because there was no randomness for the salt.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The hashing task panicked.
    #[error(transparent)]
    Task(#[from] JoinError),
}

/// The password was correct.
#[derive(Debug)]
pub struct Verified {
    /// A new hash to store when the current one is outdated.
    pub upgraded_hash: Option<String>,
}

/// Hashes `password` on a blocking thread: it takes tens of milliseconds of processor time.
pub async fn hash(password: NewPassword) -> Result<String, PasswordError> {
    Ok(spawn_blocking(move || password.hash()).await??)
}

/// Whether `hash` is a hash of `password`. Only for a caller who has proved to own the account: the
/// comparison is not counted.
pub async fn is_hash_of(password: NewPassword, hash: String) -> Result<bool, PasswordError> {
    Ok(spawn_blocking(move || password.is_hashed_as(&hash)).await?)
}

/// Rejects `password`, sent as `field`, when it is `number` or a part of it.
pub fn reject_mobile_number(
    field: &'static str,
    password: &NewPassword,
    number: &MobileNumber,
) -> Result<(), PasswordError> {
    if password.is_part_of(number) { Err(PasswordError::IsMobileNumber { field }) } else { Ok(()) }
}

/// Counts an attempt at `account` and compares `password` with `hash`. Returns `None` when it is
/// wrong, and after the same time when there is no hash. A correct password clears the counters.
///
/// # Errors
/// [`PasswordError::TooManyAttempts`] if the next attempt is not allowed yet. The password is not
/// compared then.
pub async fn verify(
    app: &AppState,
    origin: &Origin<'_>,
    account: &str,
    password: Password,
    hash: Option<String>,
) -> Result<Option<Verified>, PasswordError> {
    let verified = count_attempt(app, origin, account).await?.verify(password, hash).await?;
    if verified.is_some() {
        clear_attempts(app, origin, account).await;
    }
    Ok(verified)
}

/// A counted attempt, which allows one comparison.
#[derive(Debug)]
pub struct CountedAttempt<'a> {
    origin: &'a Origin<'a>,
    started: Instant,
    /// Whether the password may be compared. Otherwise every password is wrong.
    is_compared: bool,
    counters: Counters,
}

/// Counts an attempt at `account`. After a correct password, call [`clear_attempts`].
///
/// # Errors
/// [`PasswordError::TooManyAttempts`] if the next attempt is not allowed yet.
pub async fn count_attempt<'a>(
    app: &AppState,
    origin: &'a Origin<'a>,
    account: &str,
) -> Result<CountedAttempt<'a>, PasswordError> {
    let started = Instant::now();
    match app.rate_limiter.count_password_attempt(origin.attempt(account)).await {
        AttemptDecision::Compare(counters) => {
            Ok(CountedAttempt { origin, started, is_compared: true, counters })
        }
        AttemptDecision::Reject => {
            warn!(client.address = origin.address, "too many password attempts from unknown networks");
            Ok(CountedAttempt { origin, started, is_compared: false, counters: Counters::Network })
        }
        AttemptDecision::Wait(retry_after) => {
            warn!(client.address = origin.address, "too many password attempts");
            Err(PasswordError::TooManyAttempts { retry_after })
        }
    }
}

impl CountedAttempt<'_> {
    /// Refunds the attempt at `account`, which was not compared, because the account's hash was
    /// unavailable.
    pub async fn refund(self, app: &AppState, account: &str) {
        let attempt = self.origin.attempt(account);
        if let Err(error) = app.redis.refund_password_attempt(attempt, self.counters).await {
            warn!(error = chain(&error), "failed to refund a password attempt");
        }
    }

    /// Compares `password` with `hash`, as [`verify`] does.
    pub async fn verify(
        self,
        password: Password,
        hash: Option<String>,
    ) -> Result<Option<Verified>, PasswordError> {
        let hash = hash.filter(|_| self.is_compared);
        let comparison = spawn_blocking(move || {
            let verification = password.verify(hash.as_deref().unwrap_or(DUMMY_HASH));
            let upgraded =
                (verification == Verification::CorrectButOutdated).then(|| password.rehash()).transpose();
            (verification, upgraded)
        });
        let (verification, upgraded) = comparison.await?;
        if verification == Verification::Wrong {
            info!(client.address = self.origin.address, "password rejected");
            sleep_until(self.started + MIN_REJECTION_TIME).await;
            return Ok(None);
        }
        info!(client.address = self.origin.address, "password accepted");
        Ok(Some(Verified { upgraded_hash: upgraded? }))
    }
}

/// Clears the attempt counters of `account` after a correct password, and adds its known network.
pub async fn clear_attempts(app: &AppState, origin: &Origin<'_>, account: &str) {
    if let Err(error) = app.redis.clear_password_attempts(origin.attempt(account)).await {
        warn!(error = chain(&error), "failed to clear the password attempts");
    }
}

/// Whether `account` has signed in from this network. Without Redis it is unknown.
pub async fn is_known_network(app: &AppState, origin: &Origin<'_>, account: &str) -> bool {
    app.redis.is_known_network(origin.attempt(account)).await.unwrap_or_else(|error| {
        warn!(error = chain(&error), "failed to look up a known network of an account");
        false
    })
}

/// Adds a network from which `account` has signed in. Attempts from other networks cannot lock the
/// owner out of it.
pub async fn add_known_network(app: &AppState, origin: &Origin<'_>, account: &str) {
    if let Err(error) = app.redis.add_known_network(origin.attempt(account)).await {
        warn!(error = chain(&error), "failed to add a known network of an account");
    }
}

/// Deletes the attempt counters and the networks of a deleted `account`.
pub async fn delete_attempts(app: &AppState, origin: &Origin<'_>, account: &str) {
    if let Err(error) = app.redis.delete_password_attempts(origin.attempt(account)).await {
        warn!(error = chain(&error), "failed to delete the networks of an account; they expire later");
    }
}
