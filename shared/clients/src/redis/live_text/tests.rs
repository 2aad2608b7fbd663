//! Writer and reader on a real Redis.

use std::time::Duration;

use ::redis::FromRedisValue;
use domain::GenerationId;
use domain::message::ProcessingStatus;
use uuid::Uuid;

use super::{Ending, Entries, EntryId, EntryKind, LiveTextReader, LiveTextWriter, Signal, stream_key};
use crate::redis::Redis;

const BLOCK: Duration = Duration::from_secs(5);

struct Stream {
    url: String,
    redis: Redis,
    generation: GenerationId,
}

impl Stream {
    fn new() -> Self {
        let url = std::env::var("TEST_REDIS_URL").expect("`cargo dev test` sets TEST_REDIS_URL");
        let redis = Redis::new(&url).unwrap();
        Self { url, redis, generation: GenerationId(Uuid::new_v4()) }
    }

    fn writer(&self, fence: u64) -> LiveTextWriter {
        LiveTextWriter::new(self.redis.clone(), self.generation, fence)
    }

    fn reader(&self) -> LiveTextReader {
        self.redis.live_text_reader()
    }

    /// Everything after `last` that is there now.
    async fn read(&self, last: Option<EntryId>) -> Entries {
        self.reader().read_after(self.generation, last, Duration::ZERO).await.unwrap()
    }

    /// Runs a command on the key of the stream.
    async fn command<T: FromRedisValue>(&self, name: &str, arguments: &[&str]) -> T {
        let client = ::redis::Client::open(self.url.as_str()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let mut command = ::redis::cmd(name);
        command.arg(stream_key(self.generation)).arg(arguments).query_async(&mut connection).await.unwrap()
    }

    /// The number of clients of Redis that wait for an entry.
    async fn waiting_clients(&self) -> u64 {
        let client = ::redis::Client::open(self.url.as_str()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let info: String = ::redis::cmd("INFO").arg("clients").query_async(&mut connection).await.unwrap();
        let count = info.lines().find_map(|line| line.strip_prefix("blocked_clients:"));
        count.unwrap().trim().parse().unwrap()
    }

    async fn expires_in(&self) -> Duration {
        Duration::from_millis(self.command("PTTL", &[]).await)
    }
}

fn id(fence: u64, sequence: u64) -> EntryId {
    EntryId { fence, sequence }
}

fn shown(entries: &Entries) -> Vec<String> {
    let shown = |kind: &EntryKind| match kind {
        EntryKind::Text(text) => text.clone(),
        kind => format!("{kind:?}"),
    };
    entries.entries.iter().map(|entry| format!("{} {}", entry.id, shown(&entry.kind))).collect()
}

async fn flush(writer: &mut LiveTextWriter, text: &str) -> Signal {
    writer.push(text);
    writer.flush().await.unwrap()
}

#[tokio::test]
async fn pieces_arrive_in_order_with_the_start_and_the_end() {
    let stream = Stream::new();
    let mut writer = stream.writer(3);
    writer.push("Grü");
    writer.push("ße ");
    assert_eq!(flush(&mut writer, "😀").await, Signal::Continue);
    assert_eq!(flush(&mut writer, "").await, Signal::Continue);
    assert_eq!(flush(&mut writer, "\n-- ").await, Signal::Continue);
    writer.push("unflushed");
    writer.finish(Ending::End(ProcessingStatus::Completed)).await.unwrap();
    let entries = stream.read(None).await;
    let expected = ["3-1 start", "3-2 Grüße 😀", "3-3 \n-- ", "3-4 unflushed", "3-5 end completed"];
    assert_eq!(shown(&entries), expected);
    assert!(!entries.is_trimmed);
    assert_eq!(shown(&stream.read(Some(id(3, 3))).await), expected[3..]);
    assert_eq!(stream.read(Some(id(3, 5))).await, Entries::default());
}

#[tokio::test]
async fn overtaken_worker_adds_nothing() {
    let stream = Stream::new();
    let (mut first, mut second) = (stream.writer(1), stream.writer(2));
    assert_eq!(flush(&mut first, "a").await, Signal::Continue);
    assert_eq!(flush(&mut second, "b").await, Signal::Continue);
    assert_eq!(flush(&mut first, "c").await, Signal::Overtaken);
    assert_eq!(flush(&mut first, "d").await, Signal::Overtaken);
    first.finish(Ending::Pause).await.unwrap();
    assert_eq!(flush(&mut second, "e").await, Signal::Continue);
    let expected = ["1-1 start", "1-2 a", "2-1 start", "2-2 b", "2-3 e"];
    assert_eq!(shown(&stream.read(None).await), expected);
}

#[tokio::test]
async fn worker_that_is_overtaken_before_its_first_flush_adds_nothing() {
    let stream = Stream::new();
    let (mut first, second) = (stream.writer(1), stream.writer(2));
    second.finish(Ending::Pause).await.unwrap();
    assert_eq!(flush(&mut first, "a").await, Signal::Overtaken);
    stream.writer(1).finish(Ending::End(ProcessingStatus::Failed)).await.unwrap();
    assert_eq!(shown(&stream.read(None).await), ["2-1 start", "2-2 pause"]);
}

#[tokio::test]
async fn request_to_cancel_is_seen_with_the_next_flush_of_its_fence() {
    let stream = Stream::new();
    let mut writer = stream.writer(2);
    stream.redis.request_cancellation(stream.generation, 1).await.unwrap();
    assert_eq!(flush(&mut writer, "a").await, Signal::Continue);
    stream.redis.request_cancellation(stream.generation, 2).await.unwrap();
    assert_eq!(flush(&mut writer, "").await, Signal::CancelRequested);
    assert_eq!(flush(&mut writer, "b").await, Signal::CancelRequested);
    writer.finish(Ending::End(ProcessingStatus::Cancelled)).await.unwrap();
    assert_eq!(shown(&stream.read(None).await), ["2-1 start", "2-2 a", "2-3 b", "2-4 end cancelled"]);
    assert_eq!(flush(&mut stream.writer(3), "c").await, Signal::Continue);
}

#[tokio::test]
async fn stream_expires_ten_minutes_after_its_end() {
    let stream = Stream::new();
    let (minutes, mut writer) = (|minutes| Duration::from_mins(minutes), stream.writer(1));
    let _ = flush(&mut writer, "a").await;
    assert!(stream.expires_in().await > minutes(9));
    let (): () = stream.command("PEXPIRE", &["60000"]).await;
    let _ = flush(&mut writer, "b").await;
    assert!(stream.expires_in().await <= minutes(1));
    writer.finish(Ending::End(ProcessingStatus::Completed)).await.unwrap();
    let left = stream.expires_in().await;
    assert!(left > minutes(9) && left <= minutes(10), "{left:?}");
}

#[tokio::test]
async fn trimmed_position_is_noticed() {
    let stream = Stream::new();
    let mut writer = stream.writer(1);
    for text in ["a", "b", "c", "d"] {
        let _ = flush(&mut writer, text).await;
    }
    let _: u64 = stream.command("XTRIM", &["MAXLEN", "=", "2"]).await;
    for (last, is_trimmed) in [(None, true), (Some(id(1, 2)), true), (Some(id(1, 3)), false)] {
        let entries = stream.read(last).await;
        assert_eq!(shown(&entries), ["1-4 c", "1-5 d"]);
        assert_eq!(entries.is_trimmed, is_trimmed, "{last:?}");
    }
}

#[tokio::test]
async fn stream_that_redis_has_lost_is_continued_with_an_expiry() {
    let stream = Stream::new();
    let mut writer = stream.writer(1);
    let _ = flush(&mut writer, "a").await;
    let _: u64 = stream.command("DEL", &[]).await;
    assert_eq!(flush(&mut writer, "b").await, Signal::Continue);
    let entries = stream.read(None).await;
    assert_eq!((shown(&entries), entries.is_trimmed), (vec!["1-3 b".to_owned()], true));
    assert!(!stream.read(Some(id(1, 2))).await.is_trimmed);
    assert!(stream.expires_in().await > Duration::from_mins(9));
}

#[tokio::test]
async fn flush_whose_reply_was_lost_is_confirmed_by_the_next() {
    let stream = Stream::new();
    let mut writer = stream.writer(1);
    let _ = flush(&mut writer, "a").await;
    // As if the first flush of "b" had been cut off after Redis ran it.
    let _: String = stream.command("XADD", &["1-3", "text", "b"]).await;
    assert_eq!(flush(&mut writer, "b").await, Signal::Continue);
    assert_eq!(flush(&mut writer, "c").await, Signal::Continue);
    assert_eq!(shown(&stream.read(None).await), ["1-1 start", "1-2 a", "1-3 b", "1-4 c"]);
}

#[tokio::test]
async fn reader_that_is_early_misses_nothing() {
    let stream = Stream::new();
    let (mut reader, mut writer) = (stream.reader(), stream.writer(1));
    let read = async {
        let mut all = Entries::default();
        while all.entries.len() < 2 {
            let last = all.entries.last().map(|entry| entry.id);
            let read = reader.read_after(stream.generation, last, BLOCK).await.unwrap();
            assert!(!read.is_trimmed && !read.entries.is_empty());
            all.entries.extend(read.entries);
        }
        all
    };
    let write = async {
        while stream.waiting_clients().await == 0 {}
        flush(&mut writer, "a").await
    };
    let (entries, _) = tokio::join!(read, write);
    assert_eq!(shown(&entries), ["1-1 start", "1-2 a"]);
    let last = Some(id(1, 2));
    let none = reader.read_after(stream.generation, last, Duration::from_millis(1)).await.unwrap();
    assert_eq!(none, Entries::default());
}

#[tokio::test]
async fn entries_of_later_releases_are_unknown() {
    let stream = Stream::new();
    let _: String = stream.command("XADD", &["1-1", "start", ""]).await;
    let _: String = stream.command("XADD", &["1-2", "citation", "a"]).await;
    let entries = stream.read(None).await;
    assert_eq!(entries.entries[1].kind, EntryKind::Unknown);
    assert!(!entries.is_trimmed);
}

#[tokio::test]
async fn without_redis_each_call_fails_and_text_is_kept_for_the_next_flush() {
    let stream = Stream::new();
    // Nothing listens on port 1.
    let down = Redis::new("redis://127.0.0.1:1").unwrap();
    let mut writer = LiveTextWriter::new(down.clone(), stream.generation, 1);
    writer.push("a");
    assert!(writer.flush().await.is_err());
    assert!(writer.flush().await.is_err());
    assert!(down.request_cancellation(stream.generation, 1).await.is_err());
    assert!(down.live_text_reader().read_after(stream.generation, None, BLOCK).await.is_err());
    writer.push("b");
    writer.redis = stream.redis.clone();
    assert_eq!(writer.flush().await.unwrap(), Signal::Continue);
    assert_eq!(shown(&stream.read(None).await), ["1-1 start", "1-2 a", "1-3 b"]);
    writer.redis = down;
    writer.finish(Ending::Pause).await.unwrap_err();
}
