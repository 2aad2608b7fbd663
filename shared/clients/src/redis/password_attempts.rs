//! Password attempts: after a few, each further attempt must wait twice as long as the one before.
//!
//! Attempts are counted per account and network, at `login:{account}:{network}`, and per account
//! over all networks from which it has not signed in before, at `login:{account}`. So an attacker
//! on one network locks no client out elsewhere, and an attacker on many networks locks out only
//! clients on new networks. An attempt is counted before the password is compared, so that parallel
//! attempts cannot share one count.

use std::time::Duration;

use super::scripts::{ADD_KNOWN_NETWORK, COUNT_PASSWORD_ATTEMPT, REFUND_PASSWORD_ATTEMPT};
use super::{Redis, RedisUnavailable};

/// Attempts from one network that need not wait.
pub const FREE_ATTEMPTS: u32 = 5;
/// Attempts from all unknown networks together that need not wait.
const FREE_ATTEMPTS_UNKNOWN_NETWORKS: u32 = 50;
/// The wait after the last free attempt; it doubles from there.
const FIRST_WAIT: Duration = Duration::from_secs(30);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_mins(15);
/// The lifetime of an attempt counter.
const ATTEMPTS_TTL: Duration = Duration::from_hours(24);
/// The lifetime of an account's list of known networks.
const KNOWN_NETWORKS_TTL: Duration = Duration::from_hours(90 * 24);
/// The maximum number of known networks of one account.
const MAX_KNOWN_NETWORKS: isize = 20;

/// The account of a password attempt and the network that it comes from.
#[derive(Debug, Clone, Copy)]
pub struct PasswordAttempt<'a> {
    /// The name under which the account's attempts are counted.
    pub account: &'a str,
    /// The client's network.
    pub network: &'a str,
}

/// The counters to which an attempt was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counters {
    /// None in Redis, which was unavailable.
    Local,
    /// That of its network.
    Network,
    /// That of its network and that of all unknown networks.
    NetworkAndShared,
}

/// The decision over a password attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptDecision {
    /// The attempt is counted, and its password may be compared.
    Compare(Counters),
    /// The attempt is counted for its network, but the unknown networks have no attempt left. Its
    /// password must not be compared, and the response is that to a wrong one.
    Reject,
    /// The network must wait this long before its next attempt.
    Wait(Duration),
}

impl PasswordAttempt<'_> {
    pub(super) fn known_networks_key(&self) -> String {
        format!("login_from:{}", self.account)
    }

    fn network_key(&self) -> String {
        format!("login:{}:{}", self.account, self.network)
    }

    fn unknown_networks_key(&self) -> String {
        format!("login:{}", self.account)
    }
}

impl Redis {
    /// Whether `attempt` comes from a network from which its account has signed in.
    pub async fn is_known_network(&self, attempt: PasswordAttempt<'_>) -> Result<bool, RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("ZSCORE").arg(attempt.known_networks_key()).arg(attempt.network);
        let (score,): (Option<f64>,) = self.run(&pipeline).await?;
        Ok(score.is_some())
    }

    /// Counts an attempt, or returns how long the client must wait before the next one.
    pub(super) async fn count_password_attempt(
        &self,
        attempt: PasswordAttempt<'_>,
    ) -> Result<AttemptDecision, RedisUnavailable> {
        let times = [FIRST_WAIT, LONGEST_WAIT, ATTEMPTS_TTL].map(|time| time.as_secs() * 1_000);
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("EVAL").arg(COUNT_PASSWORD_ATTEMPT.as_str()).arg(3).arg(attempt.known_networks_key());
        pipeline.arg(attempt.network_key()).arg(attempt.unknown_networks_key());
        pipeline.arg(FREE_ATTEMPTS).arg(FREE_ATTEMPTS_UNKNOWN_NETWORKS).arg(&times).arg(attempt.network);
        let (result,): (i64,) = self.run(&pipeline).await?;
        Ok(match u64::try_from(result) {
            Ok(0) => AttemptDecision::Compare(Counters::Network),
            Ok(wait) => AttemptDecision::Wait(Duration::from_millis(wait)),
            Err(_) if result == -1 => AttemptDecision::Reject,
            Err(_) => AttemptDecision::Compare(Counters::NetworkAndShared),
        })
    }

    /// Removes an attempt whose password could not be compared from `counters`.
    pub async fn refund_password_attempt(
        &self,
        attempt: PasswordAttempt<'_>,
        counters: Counters,
    ) -> Result<(), RedisUnavailable> {
        let keys = match counters {
            Counters::Local => return Ok(()),
            Counters::Network => vec![attempt.network_key()],
            Counters::NetworkAndShared => vec![attempt.network_key(), attempt.unknown_networks_key()],
        };
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("EVAL").arg(REFUND_PASSWORD_ATTEMPT.as_str()).arg(keys.len()).arg(keys);
        self.run_once(pipeline.ignore()).await
    }

    /// Clears the counts after a right password and adds the network to the known ones.
    pub async fn clear_password_attempts(
        &self,
        attempt: PasswordAttempt<'_>,
    ) -> Result<(), RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("DEL").arg(attempt.network_key()).arg(attempt.unknown_networks_key()).ignore();
        push_known_network(&mut pipeline, attempt);
        self.run(&pipeline).await
    }

    /// Adds the network to the account's known ones. Attempts from elsewhere then do not lock out
    /// clients on this network.
    pub async fn add_known_network(&self, attempt: PasswordAttempt<'_>) -> Result<(), RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        push_known_network(&mut pipeline, attempt);
        self.run(&pipeline).await
    }

    /// Deletes the account's known networks, its attempts from this network and its shared count.
    pub async fn delete_password_attempts(
        &self,
        attempt: PasswordAttempt<'_>,
    ) -> Result<(), RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("DEL").arg(attempt.network_key()).arg(attempt.unknown_networks_key());
        pipeline.arg(attempt.known_networks_key());
        self.run(pipeline.ignore()).await
    }
}

fn push_known_network(pipeline: &mut ::redis::Pipeline, attempt: PasswordAttempt<'_>) {
    pipeline.cmd("EVAL").arg(ADD_KNOWN_NETWORK.as_str()).arg(1).arg(attempt.known_networks_key());
    pipeline.arg(attempt.network).arg(MAX_KNOWN_NETWORKS).arg(KNOWN_NETWORKS_TTL.as_secs()).ignore();
}
