//! Sessions recently found active in Postgres, cached at `session:{id}`.
//!
//! The next request after a session's end must see the end. So a session that ends leaves a mark
//! that a reader who looked before the end cannot overwrite. When Redis cannot be reached, the code
//! that ends a session can wait until every entry has expired ([`SESSION_CACHE_TTL`]).

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::plan::Tier;
use domain::{SessionId, UserId};

use super::activity::push_activity;
use super::scripts::{CONSUME_FOR_SESSION, FIND_SESSION};
use super::token_bucket::{
    Bucket, Limit, RateLimitDecision, RawDecision, decisions, limit_args, push_consume_tokens,
};
use super::{Redis, RedisUnavailable};

/// How long a session is cached, counted from before Postgres was queried.
pub const SESSION_CACHE_TTL: Duration = Duration::from_secs(10);

/// A cached session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CachedSession {
    /// Its owner.
    pub user: UserId,
    /// The owner's plan.
    pub tier: Tier,
    /// When it expires.
    pub expires_at: DateTime<Utc>,
}

/// The cached state of the session that a token claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionLookup {
    /// The session is active and belongs to the claimed user.
    Active,
    /// The session has ended, or belongs to another user.
    Ended,
    /// The session is active, and its account is suspended.
    Suspended,
    /// The session is not cached.
    Unknown,
}

/// What a token claims, and the owner's request limit on each plan.
#[derive(Debug, Clone, Copy)]
pub struct SessionClaim {
    /// The session.
    pub session: SessionId,
    /// The user that the token names.
    pub user: UserId,
    /// The request limit on [`Tier::Basic`].
    pub basic: Limit,
    /// The request limit on [`Tier::Pro`].
    pub pro: Limit,
    /// The current time.
    pub now: DateTime<Utc>,
}

impl SessionClaim {
    /// The user's bucket, on `tier`.
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
    /// Takes one token from `global` and one from the bucket that the claimed session decides: that
    /// of its owner while it is cached as active, `address` once it has ended or its account is
    /// suspended, and none while it is not cached. Takes none when one of them is empty. Returns the session's state and the decision
    /// for each charged bucket.
    pub(super) async fn consume_tokens_for_session(
        &self,
        global: &Bucket,
        address: &Bucket,
        claim: &SessionClaim,
    ) -> Result<(SessionLookup, Vec<RateLimitDecision>), RedisUnavailable> {
        let user = claim.bucket(Tier::Basic);
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("EVAL").arg(CONSUME_FOR_SESSION.as_str()).arg(4);
        pipeline.arg(key(claim.session)).arg(user.key()).arg(global.key()).arg(address.key());
        pipeline.arg(claim.user.to_string()).arg(claim.now.timestamp_millis());
        let limits = [claim.basic, claim.pro, global.limit, address.limit];
        pipeline.arg(limits.into_iter().flat_map(limit_args).collect::<Vec<_>>());
        push_activity(&mut pipeline);
        let ((state, charged, raw),): ((u8, u8, Vec<RawDecision>),) = self.run(&pipeline).await?;
        let own = match charged {
            0 => None,
            1 => Some(user),
            2 => Some(claim.bucket(Tier::Pro)),
            _ => Some(address.clone()),
        };
        let buckets: Vec<Bucket> = std::iter::once(global.clone()).chain(own).collect();
        Ok((lookup(state), decisions(&buckets, raw)))
    }

    /// Looks up the claimed session and charges no limit. Returns its state, and the time until the
    /// next request if `global` or the bucket of an active session's user has none left.
    pub async fn find_session(
        &self,
        global: &Bucket,
        claim: &SessionClaim,
    ) -> Result<(SessionLookup, Option<Duration>), RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("EVAL").arg(FIND_SESSION.as_str()).arg(3);
        pipeline.arg(key(claim.session)).arg(claim.bucket(Tier::Basic).key()).arg(global.key());
        pipeline.arg(claim.user.to_string()).arg(claim.now.timestamp_millis());
        let limits = [claim.basic, claim.pro, global.limit];
        pipeline.arg(limits.into_iter().flat_map(limit_args).collect::<Vec<_>>());
        let ((state, wait),): ((u8, u64),) = self.run(&pipeline).await?;
        Ok((lookup(state), (wait > 0).then(|| Duration::from_millis(wait))))
    }

    /// Caches a session that Postgres reported active `age` ago, unless it has been marked as ended
    /// meanwhile, and takes one token from each of `buckets`.
    pub(super) async fn cache_session_and_consume_tokens(
        &self,
        id: SessionId,
        session: &CachedSession,
        age: Duration,
        buckets: &[Bucket],
    ) -> Result<Vec<RateLimitDecision>, RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        let ttl = millis(SESSION_CACHE_TTL.saturating_sub(age));
        if ttl > 0 {
            let CachedSession { user, tier, expires_at } = session;
            let entry = format!("{user} {} {}", tier.as_str(), expires_at.timestamp_millis());
            pipeline.cmd("SET").arg(key(id)).arg(entry).arg("NX").arg("PX").arg(ttl).ignore();
        }
        push_consume_tokens(&mut pipeline, buckets);
        let (raw,): (Vec<RawDecision>,) = self.run(&pipeline).await?;
        Ok(decisions(buckets, raw))
    }

    /// Deletes a session's cache entry, so that the next request reads it from Postgres.
    pub async fn invalidate_session(&self, id: SessionId) -> Result<(), RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("DEL").arg(key(id));
        self.run(pipeline.ignore()).await
    }

    /// Marks sessions as ended, for longer than a request in flight could still cache them as
    /// active. If Redis is unavailable, cached entries live for up to [`SESSION_CACHE_TTL`].
    pub async fn mark_sessions_ended(&self, ids: &[SessionId]) -> Result<(), RedisUnavailable> {
        self.mark_sessions(ids, "ended").await
    }

    /// Marks a session that Postgres does not have as ended, for `ttl`. Requests with its tokens are
    /// then refused without a query.
    pub async fn mark_session_absent(&self, id: SessionId, ttl: Duration) -> Result<(), RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("SET").arg(key(id)).arg("ended").arg("PX").arg(millis(ttl));
        self.run(pipeline.ignore()).await
    }

    /// Caches that Postgres reported the account of a session as suspended `age` ago, unless the
    /// session has been marked meanwhile.
    pub async fn cache_suspended_session(
        &self,
        id: SessionId,
        age: Duration,
    ) -> Result<(), RedisUnavailable> {
        let ttl = millis(SESSION_CACHE_TTL.saturating_sub(age));
        if ttl == 0 {
            return Ok(());
        }
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("SET").arg(key(id)).arg("suspended").arg("NX").arg("PX").arg(ttl);
        self.run(pipeline.ignore()).await
    }

    /// Marks sessions of a suspended account, for longer than a request in flight could still cache
    /// them as active.
    pub async fn mark_sessions_suspended(&self, ids: &[SessionId]) -> Result<(), RedisUnavailable> {
        self.mark_sessions(ids, "suspended").await
    }

    /// Marks sessions as changed, for longer than a request in flight could still cache their
    /// former state: until then each request reads them from Postgres.
    pub async fn mark_sessions_changed(&self, ids: &[SessionId]) -> Result<(), RedisUnavailable> {
        self.mark_sessions(ids, "changed").await
    }

    async fn mark_sessions(&self, ids: &[SessionId], mark: &str) -> Result<(), RedisUnavailable> {
        if ids.is_empty() {
            return Ok(());
        }
        let mut pipeline = ::redis::pipe();
        for id in ids {
            let ttl = 2 * millis(SESSION_CACHE_TTL);
            pipeline.cmd("SET").arg(key(*id)).arg(mark).arg("PX").arg(ttl).ignore();
        }
        self.run(&pipeline).await
    }
}

fn lookup(state: u8) -> SessionLookup {
    match state {
        0 => SessionLookup::Unknown,
        1 => SessionLookup::Active,
        3 => SessionLookup::Suspended,
        _ => SessionLookup::Ended,
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn key(id: SessionId) -> String {
    format!("session:{id}")
}
