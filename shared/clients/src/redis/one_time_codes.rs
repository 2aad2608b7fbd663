//! One-time codes, at `otp:{mobile}:{purpose}`: the keyed hash, the number of attempts left, the
//! attempts of each network, the time of issue and the network that requested the code. Wrong attempts
//! of strangers in a day are counted at `otp:{mobile}:{purpose}:wrong` and `otp:wrong`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::MobileNumber;
use domain::otp::{
    LIFETIME_SECONDS, MAX_ATTEMPTS, MAX_STRANGERS_ATTEMPTS, MAX_STRANGERS_ATTEMPTS_IN_TOTAL,
    MAX_TOTAL_ATTEMPTS, Purpose, RESEND_SECONDS, RESERVED_ATTEMPTS,
};
use uuid::Uuid;

use super::password_attempts::PasswordAttempt;
use super::scripts::{DELETE_CODE, REDEEM_CODE, STORE_CODE};
use super::token_bucket::{Bucket, RawDecision, limit_args};
use super::{Redis, RedisUnavailable};

/// How long the operation that redeemed a code may be repeated with it.
const REDEEMED_TTL: Duration = Duration::from_hours(1);
/// How long wrong attempts of strangers are counted, from the first one on.
const DAY: Duration = Duration::from_hours(24);

/// As the network that requested a code: every network counts as that one. For the smoke test, whose
/// code is sent to nobody, so that strangers who have used up their attempts cannot make it fail.
pub const ANY_NETWORK: &str = "*";

/// The result of [`Redis::store_code`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreCodeOutcome {
    /// The code is stored and may be sent.
    Stored,
    /// The last code was sent less than a minute ago; another may be sent after this time.
    SentRecently(Duration),
    /// A rate limit refuses the code; the next is allowed after this time.
    RateLimited(Duration),
}

impl Redis {
    /// Stores the code whose keyed hash is `hash`, requested from `network`, for five minutes from `now`
    /// and charges it to each of `buckets`. Does neither when the last code for this number was sent less than a minute ago,
    /// or when a bucket is empty.
    pub async fn store_code(
        &self,
        purpose: Purpose,
        number: &MobileNumber,
        hash: &str,
        network: &str,
        buckets: &[Bucket],
        now: DateTime<Utc>,
    ) -> Result<StoreCodeOutcome, RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("EVAL").arg(STORE_CODE.as_str()).arg(buckets.len() + 1).arg(key(purpose, number));
        pipeline.arg(buckets.iter().map(Bucket::key).collect::<Vec<_>>());
        pipeline.arg(hash).arg(LIFETIME_SECONDS).arg(MAX_TOTAL_ATTEMPTS).arg(RESEND_SECONDS);
        pipeline.arg(now.timestamp_micros()).arg(network);
        pipeline.arg(buckets.iter().flat_map(|bucket| limit_args(bucket.limit)).collect::<Vec<_>>());
        let ((resend_wait, decisions),): ((u64, Vec<RawDecision>),) = self.run_once(&pipeline).await?;
        let limit_wait = decisions.into_iter().map(|(_, _, wait)| wait).max().unwrap_or(0);
        Ok(match (resend_wait, limit_wait) {
            (0, 0) => StoreCodeOutcome::Stored,
            (0, wait) => StoreCodeOutcome::RateLimited(Duration::from_millis(wait)),
            (wait, _) => StoreCodeOutcome::SentRecently(Duration::from_millis(wait)),
        })
    }

    /// Deletes a code that could not be sent, so that another can be requested at once, and refunds
    /// its charge to `buckets`.
    pub async fn delete_code(
        &self,
        purpose: Purpose,
        number: &MobileNumber,
        buckets: &[Bucket],
    ) -> Result<(), RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("EVAL").arg(DELETE_CODE.as_str()).arg(buckets.len() + 1).arg(key(purpose, number));
        pipeline.arg(buckets.iter().map(Bucket::key).collect::<Vec<_>>());
        pipeline.arg(buckets.iter().flat_map(|bucket| limit_args(bucket.limit)).collect::<Vec<_>>());
        self.run_once(pipeline.ignore()).await
    }

    /// Uses up one attempt at the code from `network`. If `hash` is its keyed hash and an attempt was
    /// left, deletes the code and returns when it was issued. Returns it again to an interrupted
    /// `operation` that is repeated within an hour.
    ///
    /// The last attempts are reserved for the network that requested the code and for those from which
    /// the number's account has signed in. The attempts of other networks are also limited in a day.
    pub async fn redeem_code(
        &self,
        purpose: Purpose,
        number: &MobileNumber,
        hash: &str,
        network: &str,
        operation: Uuid,
    ) -> Result<Option<DateTime<Utc>>, RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("EVAL").arg(REDEEM_CODE.as_str()).arg(5).arg(key(purpose, number));
        pipeline.arg(format!("{}:redeemed", key(purpose, number)));
        pipeline.arg(PasswordAttempt { account: number.as_str(), network }.known_networks_key());
        pipeline.arg(format!("{}:wrong", key(purpose, number))).arg("otp:wrong");
        pipeline.arg(hash).arg(network).arg(MAX_ATTEMPTS).arg(operation.to_string());
        pipeline.arg(REDEEMED_TTL.as_secs()).arg(RESERVED_ATTEMPTS);
        pipeline.arg(MAX_STRANGERS_ATTEMPTS).arg(MAX_STRANGERS_ATTEMPTS_IN_TOTAL).arg(DAY.as_secs());
        let (issued_at,): (Option<i64>,) = self.run_once(&pipeline).await?;
        Ok(issued_at.and_then(DateTime::from_timestamp_micros))
    }
}

fn key(purpose: Purpose, number: &MobileNumber) -> String {
    format!("otp:{number}:{}", purpose.as_str())
}
