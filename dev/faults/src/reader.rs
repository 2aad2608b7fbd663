//! [`Reader`]: a client that reads an answer to its end, over as many connections as that takes.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use harness::{EventStream, StreamEnd, StreamRequest, StreamedAnswer, TestUser};
use uuid::Uuid;

use super::run::Run;

/// More connections than any scenario cuts. A stream that ends at once each time is an error.
const MAX_CONNECTIONS: usize = 20;
/// The latest time to connect again.
const MAX_WAIT: Duration = Duration::from_mins(3);

/// Reconnects with the id of the last event when a connection ends, as a browser's `EventSource`
/// does.
pub struct Reader {
    request: StreamRequest,
    stream: Option<EventStream>,
    pub answer: StreamedAnswer,
    pub connections: usize,
    begun: Instant,
}

impl Reader {
    /// Has no connection until it reads.
    pub fn new(run: &Run, user: &TestUser, message: Uuid) -> Self {
        let answer = StreamedAnswer::default();
        Self {
            request: run.stream(user, message),
            stream: None,
            answer,
            connections: 0,
            begun: Instant::now(),
        }
    }

    /// Reads until `is_enough` holds, or until the answer is done, failed or replaced. Keeps the
    /// connection.
    pub async fn read_until(&mut self, is_enough: impl Fn(&StreamedAnswer) -> bool) -> Result<()> {
        while !is_enough(&self.answer) && !self.has_last_event() {
            let stream = self.stream().await?;
            match stream.next().await? {
                Some(event) => self.answer.apply(&event)?,
                None => self.stream = None,
            }
        }
        Ok(())
    }

    /// Reads until the answer has more than `length` bytes, and fails if it ends before.
    pub async fn read_text(&mut self, length: usize) -> Result<()> {
        self.read_until(|answer| answer.text.len() > length).await?;
        let read = self.answer.text.len();
        ensure!(read > length, "the stream ended after {read} bytes: {:?}", self.answer);
        Ok(())
    }

    /// Reads to the last event.
    pub async fn finish(&mut self) -> Result<()> {
        self.read_until(|_| false).await
    }

    /// Reads on until the connection has received `bytes` more bytes, then closes it. Returns
    /// whether it was cut before the last event.
    pub async fn cut_after(&mut self, bytes: usize) -> Result<bool> {
        self.stream().await?.cut_after(bytes);
        while let Some(stream) = &mut self.stream {
            if let Some(event) = stream.next().await? {
                self.answer.apply(&event)?;
            } else {
                let is_cut = stream.end() == Some(StreamEnd::Cut);
                self.stream = None;
                return Ok(is_cut && !self.has_last_event());
            }
        }
        Ok(false)
    }

    /// Reconnects after the last event, and fails unless that is answered by 204, which keeps an
    /// `EventSource` from connecting again.
    pub async fn ensure_no_more(&self) -> Result<()> {
        let status = self.request.clone().after(self.answer.last_event_id()).open().await?.status;
        ensure!(status == 204, "a reconnect after the last event is answered by {status}");
        Ok(())
    }

    fn has_last_event(&self) -> bool {
        self.answer.is_done() || self.answer.error.is_some() || self.answer.is_replaced
    }

    /// The open connection, or a new connection that resumes after the last event.
    async fn stream(&mut self) -> Result<&mut EventStream> {
        if self.stream.is_none() {
            self.connections += 1;
            if self.connections > MAX_CONNECTIONS || self.begun.elapsed() > MAX_WAIT {
                bail!("{} connections, and the answer is not done: {:?}", self.connections, self.answer);
            }
            let request = self.request.clone().after(self.answer.last_event_id());
            self.stream = Some(request.open_live().await?);
        }
        self.stream.as_mut().context("no connection")
    }
}

impl Run {
    /// Checks that a reader has exactly the stored answer, and returns whether it does. A message
    /// without an answer has no text.
    pub async fn check_reader(&self, who: &str, reader: &Reader, message: Uuid) -> Result<bool> {
        const STORED: &str = "SELECT coalesce(max(content), '') FROM messages WHERE reply_to = $1";
        let stored: String = self.db.value(STORED, &[&message]).await?;
        let answer = &reader.answer;
        let is_equal = answer.is_done() && answer.text == stored && answer.ensure_complete().is_ok();
        self.check(is_equal, || {
            let (read, last) = (answer.text.len(), answer.last_event_id());
            let end = (answer.is_done(), &answer.error);
            format!("{who} has {read} bytes after {last:?}, {} are stored; the end is {end:?}", stored.len())
        });
        Ok(is_equal)
    }
}

/// A text with characters of one to four bytes and characters that JSON escapes.
pub fn varied_text(words: usize) -> String {
    const WORDS: [&str; 7] = ["plain", "größer", "漢字", "🙂👍", "\"quoted\"", "a\\b", "line\nline"];
    let mut text = String::new();
    for number in 0..words {
        let _ = write!(text, "{number}{} ", WORDS[number % WORDS.len()]);
    }
    text
}

/// A random number below `limit`.
pub fn random_below(limit: usize) -> usize {
    usize::try_from(Uuid::new_v4().as_u128() % limit.max(1) as u128).unwrap_or_default()
}
