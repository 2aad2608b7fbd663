//! Sessions that were seen to last a moment ago, at `session:{id}`, so that not every request asks Postgres.
//!
//! An end is to be seen by the next request, whatever happens. So a session that ends leaves a mark, which a reader that
//! looked before the end cannot overwrite; and an entry lives so shortly that, where Redis cannot be told of an end, whoever
//! ends the session can wait until every entry is gone ([`LIFETIME`]).

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::plan::Tier;
use domain::{SessionId, UserId};

use super::activity::add_activity;
use super::limits::{Bucket, Limit, RateLimitDecision, Told, add_take, decisions, gcra, numbers};
use super::{Redis, RedisUnavailable};

/// How long a session that was seen to last is taken to last, counted from before it was looked at.
pub const LIFETIME: Duration = Duration::from_secs(10);

/// A session as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CachedSession {
    /// Whose it is.
    pub user: UserId,
    /// The plan that they are on.
    pub tier: Tier,
    /// When its time is over.
    pub expires_at: DateTime<Utc>,
}

/// What the cache says of a session that a token claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// It lasted a moment ago, and the claim is right.
    Lasts,
    /// It was ended a moment ago, or the claim is wrong.
    Ended,
    /// Nothing is known of it.
    Unknown,
}

/// What a token claims, and what its owner may do on each plan.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    /// The session.
    pub session: SessionId,
    /// Whose it is said to be.
    pub user: UserId,
    /// Requests allowed to a person on [`Tier::Basic`].
    pub basic: Limit,
    /// Requests allowed to a person on [`Tier::Pro`].
    pub pro: Limit,
    /// Now.
    pub now: DateTime<Utc>,
}

/// `look(session key, user, now in ms)`: 1 and the tier where the session lasts, 2 where it has ended, 0 where nothing is known.
macro_rules! look {
    () => {
        "
local function look(key, user, at)
    local kept = redis.call('GET', key)
    if not kept then
        return 0
    end
    local owner, tier, expires = string.match(kept, '^(%S+) (%S+) (%d+)$')
    if owner ~= user then
        return 2
    end
    if tonumber(expires) > tonumber(at) then
        return 1, tier
    end
    return 0
end
"
    };
}

const LOOK: &str = concat!(look!(), "return (look(KEYS[1], ARGV[1], ARGV[2]))");

/// Keys: the session, the person's bucket, the shared ones. Arguments: user, now (ms), max and window (ms) on Basic, on Pro,
/// and of each shared bucket. Answer: what [`LOOK`] says, which limit is the person's (1 Basic, 2 Pro, 0 not charged), what
/// is told of the shared buckets and then of the person's.
const TAKE_FOR: &str = concat!(
    gcra!(),
    look!(),
    "
local state, tier = look(KEYS[1], ARGV[1], ARGV[2])
local buckets = {}
for i = 3, #KEYS do
    buckets[i - 2] = {KEYS[i], ARGV[2 * i + 1], ARGV[2 * i + 2]}
end
local plan = 0
if state == 1 then
    plan = tier == 'pro' and 2 or 1
    buckets[#buckets + 1] = {KEYS[2], ARGV[2 * plan + 1], ARGV[2 * plan + 2]}
end
return {state, plan, (take(buckets))}"
);

impl Claim {
    /// The bucket of the person, on `tier`.
    #[must_use]
    pub fn bucket(&self, tier: Tier) -> Bucket {
        Bucket::new(
            format!("user:{}", self.user),
            match tier {
                Tier::Basic => self.basic,
                Tier::Pro => self.pro,
            },
        )
    }
}

impl Redis {
    /// Takes one request from each of the `shared` buckets and, where the claimed session is known to last, from its owner's:
    /// a token that opens nothing must not use up its owner's requests. Where one of them is empty nothing is taken. Answers
    /// what is known of the session, and what each of the buckets says.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn take_for(
        &self,
        shared: &[Bucket],
        claim: &Claim,
    ) -> Result<(Lookup, Vec<RateLimitDecision>), RedisUnavailable> {
        let own = claim.bucket(Tier::Basic);
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("EVAL").arg(TAKE_FOR).arg(shared.len() + 2).arg(key(claim.session)).arg(own.key());
        pipeline.arg(shared.iter().map(Bucket::key).collect::<Vec<_>>());
        pipeline.arg(claim.user.to_string()).arg(claim.now.timestamp_millis());
        pipeline.arg(&numbers(claim.basic)).arg(&numbers(claim.pro));
        pipeline.arg(shared.iter().flat_map(|bucket| numbers(bucket.limit)).collect::<Vec<_>>());
        add_activity(&mut pipeline);
        let ((state, plan, told),): ((u8, u8, Vec<Told>),) = self.run(&pipeline).await?;
        let own = match plan {
            0 => None,
            1 => Some(own),
            _ => Some(claim.bucket(Tier::Pro)),
        };
        let buckets: Vec<Bucket> = shared.iter().cloned().chain(own).collect();
        Ok((read(state), decisions(&buckets, told)))
    }

    /// What is known of a claimed session, at no cost to any limit.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn find_session(&self, claim: &Claim) -> Result<Lookup, RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("EVAL").arg(LOOK).arg(1).arg(key(claim.session));
        pipeline.arg(claim.user.to_string()).arg(claim.now.timestamp_millis());
        let (state,): (u8,) = self.run(&pipeline).await?;
        Ok(read(state))
    }

    /// Keeps a session that was seen to last, `age` after it was looked at, unless it has been marked as ended meanwhile; and
    /// takes one request from each of `buckets`.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn keep_session(
        &self,
        id: SessionId,
        session: &CachedSession,
        age: Duration,
        buckets: &[Bucket],
    ) -> Result<Vec<RateLimitDecision>, RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        let left = u64::try_from(LIFETIME.saturating_sub(age).as_millis()).unwrap_or(0);
        if left > 0 {
            let CachedSession { user, tier, expires_at } = session;
            let kept = format!("{user} {} {}", tier.as_str(), expires_at.timestamp_millis());
            pipeline.cmd("SET").arg(key(id)).arg(kept).arg("NX").arg("PX").arg(left).ignore();
        }
        add_take(&mut pipeline, buckets);
        let (told,): (Vec<Told>,) = self.run(&pipeline).await?;
        Ok(decisions(buckets, told))
    }

    /// Forgets whatever is known of a session.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn forget_session(&self, id: SessionId) -> Result<(), RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("DEL").arg(key(id));
        self.run(pipeline.ignore()).await
    }

    /// Marks sessions as ended, for as long as anybody may still hold that they last.
    ///
    /// # Errors
    /// When Redis does not answer; then entries may be about for [`LIFETIME`].
    pub async fn end_sessions(&self, ids: &[SessionId]) -> Result<(), RedisUnavailable> {
        if ids.is_empty() {
            return Ok(());
        }
        let mut pipeline = ::redis::pipe();
        for id in ids {
            pipeline.cmd("SET").arg(key(*id)).arg("ended").arg("PX").arg(2 * millis(LIFETIME)).ignore();
        }
        self.run(&pipeline).await
    }
}

fn read(state: u8) -> Lookup {
    match state {
        0 => Lookup::Unknown,
        1 => Lookup::Lasts,
        _ => Lookup::Ended,
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn key(id: SessionId) -> String {
    format!("session:{id}")
}
