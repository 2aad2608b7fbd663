//! Passwords at the edge: hashed off the async threads, for that takes tens of milliseconds of a core, and guessed at only so
//! often.

use std::sync::LazyLock;
use std::time::Duration;

use app::AppState;
use app::telemetry::chain;
use axum::http::StatusCode;
use clients::redis::attempts::{Attempt, FREE};
use clients::redis::limits::{Bucket, Limit};
use domain::MobileNumber;
use domain::password::{NOBODYS_HASH, NewPassword, Password, Verdict};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use crate::in_process_limiter::InProcessLimiter;
use crate::{ApiError, ClientInfo};

/// Counts attempts when Redis cannot.
static FALLBACK: LazyLock<InProcessLimiter> = LazyLock::new(InProcessLimiter::default);

/// How long it takes to be told that a password is wrong: longer than looking at any hash does, one that was brought over and
/// costs more included. What is looked at is then not to be told from the time that it takes.
const WRONG_TAKES: Duration = Duration::from_millis(300);

/// A password that was found right.
#[derive(Debug)]
pub struct Right {
    /// What to keep in place of its hash, where that is outdated.
    pub upgrade: Option<String>,
}

/// The hash of `password`.
///
/// # Errors
/// 500 when there is no randomness.
pub async fn hash(password: NewPassword) -> Result<String, ApiError> {
    spawn_blocking(move || password.hash()).await.map_err(ApiError::internal)?.map_err(ApiError::internal)
}

/// Refuses `password`, sent as `field`, where it is `number` itself.
///
/// # Errors
/// 400 then.
pub fn refuse_number(field: &str, password: &NewPassword, number: &MobileNumber) -> Result<(), ApiError> {
    if password.is_of(number) {
        return Err(ApiError::invalid(vec![format!("{field}: must not be the number of the account")]));
    }
    Ok(())
}

/// Sees whether `password` is the one behind `hash`, of the account known as `account`. Without a hash it is not, which takes
/// as long to find out. `None` where it is wrong.
///
/// # Errors
/// 429 when it was guessed at too often.
pub async fn check(
    app: &AppState,
    client: &ClientInfo,
    account: &str,
    password: Password,
    hash: Option<String>,
) -> Result<Option<Right>, ApiError> {
    let right = guess(app, client, account).await?.look(client, password, hash).await?;
    if right.is_some() {
        forgive(app, client, account).await;
    }
    Ok(right)
}

/// The right to look once at whether a password is right.
#[derive(Debug)]
pub struct Guess {
    begun: Instant,
}

/// Counts a guess at the password of the account known as `account`. Whoever turns out to be right is to be
/// [forgiven](forgive).
///
/// # Errors
/// 429 when it was guessed at too often.
pub async fn guess(app: &AppState, client: &ClientInfo, account: &str) -> Result<Guess, ApiError> {
    let begun = Instant::now();
    let network = client.network();
    match count(app, Attempt { account, network: &network }).await {
        None => Ok(Guess { begun }),
        Some(wait) => {
            warn!(client.address, "passwords are guessed at too often");
            let detail =
                "too many wrong passwords; wait for as long as Retry-After says, or reset the password";
            let error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts", detail);
            Err(error.retry_after(wait))
        }
    }
}

/// Gives a guess back that could not be looked at, for want of what it is compared with.
pub async fn give_back(app: &AppState, client: &ClientInfo, account: &str) {
    let network = client.network();
    if let Err(error) = app.redis.give_guess_back(Attempt { account, network: &network }).await {
        warn!(error = chain(&error), "a guess counts that was not looked at");
    }
}

impl Guess {
    /// Sees whether `password` is the one behind `hash`, as [`check`] does.
    ///
    /// # Errors
    /// 500 when there is no randomness.
    pub async fn look(
        self,
        client: &ClientInfo,
        password: Password,
        hash: Option<String>,
    ) -> Result<Option<Right>, ApiError> {
        let looked_at = spawn_blocking(move || {
            let verdict = password.check(hash.as_deref().unwrap_or(NOBODYS_HASH));
            let upgrade = (verdict == Verdict::RightButOutdated).then(|| password.rehash()).transpose();
            (verdict, upgrade)
        });
        let (verdict, upgrade) = looked_at.await.map_err(ApiError::internal)?;
        if verdict == Verdict::Wrong {
            info!(client.address, "a password was wrong");
            sleep_until(self.begun + WRONG_TAKES).await;
            return Ok(None);
        }
        info!(client.address, "a password was right");
        Ok(Some(Right { upgrade: upgrade.map_err(ApiError::internal)? }))
    }
}

/// Forgets the wrong passwords for `account` once its owner is known, and remembers from where that is.
pub async fn forgive(app: &AppState, client: &ClientInfo, account: &str) {
    let network = client.network();
    if let Err(error) = app.redis.forgive_guesses(Attempt { account, network: &network }).await {
        warn!(error = chain(&error), "wrong passwords before a right one still count");
    }
}

/// Remembers from where `account` is used, so that those who guess at it from elsewhere do not keep its owner out.
pub async fn remember(app: &AppState, client: &ClientInfo, account: &str) {
    let network = client.network();
    if let Err(error) = app.redis.remember_network(Attempt { account, network: &network }).await {
        warn!(error = chain(&error), "from where an account is used is not remembered");
    }
}

/// Forgets all that is known of `account`, which is deleted.
pub async fn forget(app: &AppState, client: &ClientInfo, account: &str) {
    let network = client.network();
    if let Err(error) = app.redis.forget_guesses(Attempt { account, network: &network }).await {
        warn!(error = chain(&error), "from where an account was opened is forgotten only in its time");
    }
}

/// How long a guess has to wait. Without Redis each process counts for itself.
async fn count(app: &AppState, attempt: Attempt<'_>) -> Option<Duration> {
    match app.redis.count_guess(attempt).await {
        Ok(wait) => wait,
        Err(error) => {
            warn!(error = chain(&error), "wrong passwords are counted in this process alone");
            let limit = Limit { max: FREE, window: Duration::from_mins(15) };
            FALLBACK.charge(&Bucket::new(format!("login:{}", attempt.account), limit)).retry_after
        }
    }
}
