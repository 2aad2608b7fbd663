//! An answer that mock Gemini writes at an even pace, read by a client who notes when each piece
//! arrives.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use harness::{SentMessage, StreamRequest, StreamedAnswer, TestEnvironment, TestUser, unique};
use mock_gemini::WORDS_PER_CHUNK;
use serde_json::json;

/// A text of `chunks` chunks, all of the same length.
pub(super) fn text_of(chunks: usize) -> String {
    let mut text = String::new();
    for number in 0..chunks * WORDS_PER_CHUNK {
        let _ = write!(text, "word{number:05} ");
    }
    text
}

/// Sends a message that is answered by `answer`, over `duration`. Nothing answers it before a worker
/// is invoked.
pub(super) async fn ask(
    environment: &TestEnvironment,
    user: &TestUser,
    answer: &str,
    duration: Duration,
) -> Result<SentMessage> {
    let (room, text) = (user.create_chatroom(environment).await?, unique("question"));
    let duration_ms = u64::try_from(duration.as_millis())?;
    let step = json!([{ "kind": "answer", "text": answer, "duration_ms": duration_ms }]);
    environment.mocks.script(&text, step).await?;
    user.send_text(environment, &room, &text).await
}

/// What one client has received.
#[derive(Debug, Default)]
pub(super) struct Received {
    pub(super) answer: StreamedAnswer,
    /// The length of the text after each `delta`, and when it arrived.
    pub(super) deltas: Vec<(usize, Instant)>,
}

/// A stream that has received its first event.
pub(super) struct OpenStream {
    stream: harness::EventStream,
    received: Received,
}

impl OpenStream {
    /// Opens a stream of a message that is not answered yet.
    pub(super) async fn open(request: &StreamRequest) -> Result<Self> {
        let mut stream = request.open_live().await?;
        let mut received = Received::default();
        let event = stream.next().await?.context("a stream has no event")?;
        received.answer.apply(&event)?;
        ensure!(event.event == "status", "a stream begins with {}", event.event);
        Ok(Self { stream, received })
    }

    /// Reads to the end of the connection. Text that comes twice or out of order is an error.
    pub(super) async fn finish(mut self) -> Result<Received> {
        while let Some(event) = self.stream.next().await? {
            self.received.answer.apply(&event)?;
            if event.event == "delta" {
                self.received.deltas.push((self.received.answer.text.len(), event.at.into_std()));
            }
        }
        Ok(self.received)
    }
}

impl Received {
    /// Fails unless the text is `expected`, received in one attempt, and the stored one.
    pub(super) fn ensure_is(&self, expected: &str) -> Result<()> {
        self.answer.ensure_complete()?;
        ensure!(self.answer.restarts == 0, "{} restarts", self.answer.restarts);
        let length = self.answer.text.len();
        ensure!(self.answer.text == expected, "{length} bytes, which are not the {} sent", expected.len());
        Ok(())
    }

    /// The time from each chunk, of `chunk_bytes` of text, until the client has all of it. `sent` are
    /// the times of the chunks, and of a last one without text.
    pub(super) fn delays(&self, chunk_bytes: usize, sent: &[Instant]) -> Result<Vec<Duration>> {
        let delay = |(number, sent): (usize, &Instant)| {
            let end = (number + 1) * chunk_bytes;
            let delta = self.deltas.iter().find(|(length, _)| *length >= end);
            let (_, at) = delta.with_context(|| format!("chunk {number} has not arrived"))?;
            Ok(at.saturating_duration_since(*sent))
        };
        let chunks = sent.len().saturating_sub(1);
        sent.iter().take(chunks).enumerate().map(delay).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delay_of_a_chunk_ends_with_its_last_byte() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let deltas = vec![(10, at(7)), (30, at(60))];
        let received = Received { deltas, ..Received::default() };
        let sent = [at(0), at(10), at(50), at(55)];
        let delays = received.delays(10, &sent).unwrap();
        assert_eq!(delays, [7, 50, 10].map(Duration::from_millis));
        assert!(received.delays(11, &sent).is_err(), "a chunk has not arrived");
    }
}
