//! The streams of answers that a user has open, at `streams:{user id}`, and notices to them, at
//! `streams:{user id}:notices`.
//!
//! Each stream occupies an execution environment, so a user may have three at a time, over all
//! instances. A fourth one ends the oldest. A stream renews its place while it is open; the place of a
//! stream whose process was killed is free again when it expires.
//!
//! A client that was cut off opens another stream before the service notices the first one's end. With
//! the name of its reader it takes the place of that one, and not of another reader.
//!
//! Notices are the entries of a Redis stream, which the streams of the user read together with the
//! text of their answers:
//!
//! | field | value | meaning |
//! |---|---|---|
//! | `replaced` | the id of a stream | the stream has lost its place and must end |
//! | `changed` | the id of a generation | its state in Postgres has changed without a worker |
//!
//! Readers ignore other kinds, which a later release may add.

use std::time::Duration;

use domain::{GenerationId, UserId};
use uuid::Uuid;

use super::scripts::HOLD_STREAM;
use super::{Redis, RedisUnavailable};

/// The number of streams that one user may have open at once.
pub const MAX_STREAMS: usize = 3;
/// How long a place lasts after it was taken or renewed. Longer than two intervals of renewal.
const PLACE_TTL: Duration = Duration::from_secs(40);
/// How long notices are kept. A stream reads them within milliseconds.
const NOTICES_TTL: Duration = Duration::from_mins(1);

/// The id of a notice in Redis.
pub(super) type NoticeId = String;

/// A notice to the streams of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The stream with this id has lost its place.
    Replaced(String),
    /// The state of a generation has changed in Postgres.
    Changed(GenerationId),
    /// A kind of a later release, which readers skip.
    Unknown,
}

impl Notice {
    pub(super) fn from_fields(fields: Vec<(String, String)>) -> Self {
        match fields.into_iter().next() {
            Some((kind, stream)) if kind == "replaced" => Self::Replaced(stream),
            Some((kind, id)) if kind == "changed" => id.parse().map_or(Self::Unknown, Self::Changed),
            _ => Self::Unknown,
        }
    }
}

/// Up to where a stream has read the notices of its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticePosition {
    user: UserId,
    pub(super) last: NoticeId,
}

impl NoticePosition {
    pub(super) fn key(&self) -> String {
        notices_key(self.user)
    }
}

/// An open stream of a user.
#[derive(Debug, Clone)]
pub struct StreamPlace {
    user: UserId,
    id: String,
    reader: String,
}

impl StreamPlace {
    /// The place for a stream of `user` that starts at `now`, in milliseconds since 1970, for the
    /// reader that the client calls `reader`. Takes nothing yet.
    #[must_use]
    pub fn new(user: UserId, now: i64, reader: Option<&str>) -> Self {
        let reader = reader.unwrap_or_default();
        // The script orders streams by this text, and finds the reader at its end.
        let id = format!("{:015}-{}-{reader}", now.max(0), Uuid::new_v4().simple());
        Self { user, id, reader: reader.to_owned() }
    }

    /// Whether `notice` says that this stream must end.
    #[must_use]
    pub fn is_replaced_by(&self, notice: &Notice) -> bool {
        matches!(notice, Notice::Replaced(id) if *id == self.id)
    }
}

impl Redis {
    /// Takes a place for a new stream. Its user's oldest stream ends if there are too many. Returns the
    /// position from which the stream reads notices.
    pub async fn take_stream_place(&self, place: &StreamPlace) -> Result<NoticePosition, RedisUnavailable> {
        let (_, last) = self.hold_stream(place, true).await?;
        Ok(NoticePosition { user: place.user, last })
    }

    /// Renews the place of an open stream. Returns false if it was given to another stream.
    pub async fn renew_stream_place(&self, place: &StreamPlace) -> Result<bool, RedisUnavailable> {
        Ok(self.hold_stream(place, false).await?.0)
    }

    /// Frees the place of a stream.
    pub async fn leave_stream_place(&self, place: &StreamPlace) -> Result<(), RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("ZREM").arg(places_key(place.user)).arg(&place.id);
        self.run(pipeline.ignore()).await
    }

    /// The number of open streams of `user`.
    pub async fn count_streams(&self, user: UserId) -> Result<usize, RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("ZCARD").arg(places_key(user));
        let (count,) = self.run(&pipeline).await?;
        Ok(count)
    }

    /// Tells the open streams of `user` that the state of `generation` has changed in Postgres.
    pub async fn notify_streams(
        &self,
        user: UserId,
        generation: GenerationId,
    ) -> Result<(), RedisUnavailable> {
        let key = notices_key(user);
        let mut pipeline = ::redis::pipe();
        let notice = pipeline.cmd("XADD").arg(&key).arg("MAXLEN").arg("~").arg(100).arg("*");
        notice.arg("changed").arg(generation.to_string()).ignore();
        pipeline.cmd("PEXPIRE").arg(&key).arg(milliseconds(NOTICES_TTL)).ignore();
        self.run(&pipeline).await
    }

    async fn hold_stream(
        &self,
        place: &StreamPlace,
        is_new: bool,
    ) -> Result<(bool, NoticeId), RedisUnavailable> {
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("EVAL").arg(HOLD_STREAM.as_str()).arg(2);
        pipeline.arg(places_key(place.user)).arg(notices_key(place.user)).arg(&place.id);
        pipeline.arg(milliseconds(PLACE_TTL)).arg(MAX_STREAMS).arg(milliseconds(NOTICES_TTL));
        pipeline.arg(u8::from(is_new)).arg(&place.reader);
        let (result,) = self.run(&pipeline).await?;
        Ok(result)
    }
}

fn places_key(user: UserId) -> String {
    format!("streams:{user}")
}

fn notices_key(user: UserId) -> String {
    format!("streams:{user}:notices")
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connect() -> Redis {
        let url = std::env::var("TEST_REDIS_URL").expect("`cargo dev test` sets TEST_REDIS_URL");
        Redis::new(&url).unwrap()
    }

    fn places(user: UserId, count: i64) -> Vec<StreamPlace> {
        (0..count).map(|start| StreamPlace::new(user, start, None)).collect()
    }

    /// Reads the notices after `position` without waiting for more.
    async fn read(redis: &Redis, position: &mut NoticePosition) -> Vec<Notice> {
        let nothing = GenerationId(Uuid::new_v4());
        let mut reader = redis.live_text_reader();
        reader.read_with_notices(nothing, None, position, Duration::ZERO).await.unwrap().1
    }

    #[tokio::test]
    async fn fourth_stream_replaces_the_oldest_one() {
        let (redis, user) = (connect(), UserId(Uuid::new_v4()));
        let places = places(user, 4);
        let mut position = redis.take_stream_place(&places[0]).await.unwrap();
        // The order of the starts counts, not the order of the renewals.
        for place in [&places[1], &places[2]] {
            redis.take_stream_place(place).await.unwrap();
        }
        assert!(redis.renew_stream_place(&places[0]).await.unwrap());
        assert_eq!(read(&redis, &mut position).await, []);
        let mut later = redis.take_stream_place(&places[3]).await.unwrap();
        let notices = read(&redis, &mut position).await;
        assert_eq!(notices.len(), 1);
        assert!(places[0].is_replaced_by(&notices[0]) && !places[1].is_replaced_by(&notices[0]));
        assert_eq!(read(&redis, &mut position).await, []);
        assert!(!redis.renew_stream_place(&places[0]).await.unwrap());
        for place in &places[1..] {
            assert!(redis.renew_stream_place(place).await.unwrap());
        }
        // A stream that has just started reads no notice from before.
        let _ = redis.take_stream_place(&StreamPlace::new(user, 9, None)).await.unwrap();
        assert_eq!(read(&redis, &mut later).await.len(), 2);
    }

    #[tokio::test]
    async fn stream_replaces_the_earlier_one_of_its_reader_and_no_other() {
        let (redis, user) = (connect(), UserId(Uuid::new_v4()));
        let place = |start, reader| StreamPlace::new(user, start, reader);
        let (other, cut_off, unnamed) = (place(1, Some("tab-1")), place(2, Some("tab")), place(3, None));
        let mut position = redis.take_stream_place(&other).await.unwrap();
        for place in [&cut_off, &unnamed] {
            redis.take_stream_place(place).await.unwrap();
        }
        let resumed = place(4, Some("tab"));
        redis.take_stream_place(&resumed).await.unwrap();
        let notices = read(&redis, &mut position).await;
        assert_eq!(notices.len(), 1);
        assert!(cut_off.is_replaced_by(&notices[0]));
        assert!(!redis.renew_stream_place(&cut_off).await.unwrap());
        for place in [&other, &unnamed, &resumed] {
            assert!(redis.renew_stream_place(place).await.unwrap());
        }
        // The stream that was cut off gets no place again, whether its place was lost or never taken.
        redis.take_stream_place(&cut_off).await.unwrap();
        assert!(!redis.renew_stream_place(&cut_off).await.unwrap());
        assert!(redis.renew_stream_place(&resumed).await.unwrap());
        // Streams without a reader's name are never taken for the same one.
        redis.take_stream_place(&place(5, None)).await.unwrap();
        assert!(!redis.renew_stream_place(&other).await.unwrap(), "the oldest of four");
        assert!(redis.renew_stream_place(&unnamed).await.unwrap());
    }

    #[tokio::test]
    async fn place_is_free_after_it_was_left_and_comes_back_after_a_loss_of_redis() {
        let (redis, user) = (connect(), UserId(Uuid::new_v4()));
        let places = places(user, 4);
        let mut position = redis.take_stream_place(&places[0]).await.unwrap();
        redis.leave_stream_place(&places[0]).await.unwrap();
        for place in &places[1..] {
            redis.take_stream_place(place).await.unwrap();
        }
        assert_eq!(read(&redis, &mut position).await, []);
        redis.run::<()>(::redis::pipe().del(places_key(user)).ignore()).await.unwrap();
        for place in &places[1..] {
            assert!(redis.renew_stream_place(place).await.unwrap());
        }
        assert!(!redis.renew_stream_place(&places[0]).await.unwrap());
    }

    #[tokio::test]
    async fn places_and_notices_expire() {
        let (redis, user) = (connect(), UserId(Uuid::new_v4()));
        redis.take_stream_place(&StreamPlace::new(user, 1, None)).await.unwrap();
        redis.notify_streams(user, GenerationId(Uuid::new_v4())).await.unwrap();
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("PTTL").arg(places_key(user)).cmd("PTTL").arg(notices_key(user));
        let (places, notices): (i64, i64) = redis.run(&pipeline).await.unwrap();
        assert!((1..=40_000).contains(&places) && (1..=60_000).contains(&notices), "{places} {notices}");
    }

    #[tokio::test]
    async fn notice_ends_the_wait_for_text() {
        let (redis, user) = (connect(), UserId(Uuid::new_v4()));
        let mut position = redis.take_stream_place(&StreamPlace::new(user, 1, None)).await.unwrap();
        let generation = GenerationId(Uuid::new_v4());
        let mut reader = redis.live_text_reader();
        let reading = reader.read_with_notices(generation, None, &mut position, Duration::from_mins(1));
        let (read, notified) = tokio::join!(reading, redis.notify_streams(user, generation));
        notified.unwrap();
        let (entries, notices) = read.unwrap();
        assert_eq!(notices, [Notice::Changed(generation)]);
        assert!(entries.entries.is_empty() && !entries.is_trimmed);
    }

    #[test]
    fn notices_of_later_releases_are_unknown() {
        let fields = |kind: &str, value: &str| vec![(kind.to_owned(), value.to_owned())];
        for (kind, value) in [("renamed", "a"), ("changed", "no id")] {
            assert_eq!(Notice::from_fields(fields(kind, value)), Notice::Unknown);
        }
        assert_eq!(Notice::from_fields(Vec::new()), Notice::Unknown);
    }
}
