//! The answer that a client of the stream has, over any number of connections.

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::{EventStream, StreamEvent};

/// The number of a text that completes the answer.
const WHOLE: u64 = u64::MAX;

/// What the events so far amount to. A client keeps it when it reconnects.
#[derive(Debug, Clone, Default)]
pub struct StreamedAnswer {
    pub text: String,
    /// The number of `restart` events, each of which made the text void.
    pub restarts: usize,
    /// The data of `done`.
    pub done: Option<Value>,
    /// The data of `error`, which ended the last connection.
    pub error: Option<Value>,
    /// Whether `replaced` ended the last connection.
    pub is_replaced: bool,
    last_event_id: Option<String>,
    /// The fence of the last text, and the number of the text under that fence.
    position: Option<(u64, u64)>,
}

impl StreamedAnswer {
    /// The id to resume with.
    pub fn last_event_id(&self) -> Option<&str> {
        self.last_event_id.as_deref()
    }

    /// Whether nothing more will come.
    pub fn is_done(&self) -> bool {
        self.done.is_some()
    }

    /// Reads a stream to its end.
    pub async fn read(&mut self, stream: &mut EventStream) -> Result<()> {
        (self.error, self.is_replaced) = (None, false);
        while let Some(event) = stream.next().await? {
            self.apply(&event)?;
        }
        Ok(())
    }

    /// Applies one event. Fails on an event that a client must never get: after the end, or with
    /// text that it has already.
    pub fn apply(&mut self, event: &StreamEvent) -> Result<()> {
        ensure!(self.done.is_none(), "{} after done", event.event);
        let data = event.json()?;
        match event.event.as_str() {
            "delta" => {
                let position = position(event)?;
                let (fence, number) = position;
                ensure!(self.position < Some(position), "{} came twice, or out of order", event.data);
                // Whole texts follow what a client has of any attempt.
                let is_joined = !self.text.is_empty() && self.position.is_none_or(|(last, _)| last != fence);
                ensure!(!is_joined || number == WHOLE, "{} is of another attempt", event.data);
                self.position = Some(position);
                self.text.push_str(data["text"].as_str().with_context(|| format!("no text in {data}"))?);
            }
            "restart" => {
                self.position = Some(position(event)?);
                self.text.clear();
                self.restarts += 1;
            }
            "done" => self.done = Some(data),
            "error" => self.error = Some(data),
            "replaced" => self.is_replaced = true,
            "status" | "title" => {}
            other => bail!("an unknown event: {other}"),
        }
        // The first events of a connection can be without an id; the one before them still counts.
        self.last_event_id = event.id.clone().or(self.last_event_id.take());
        Ok(())
    }

    /// The text of the stored answer in `done`, which must be the streamed one.
    pub fn ensure_complete(&self) -> Result<()> {
        let done = self.done.as_ref().context("the stream has not sent done")?;
        let stored = done["reply"]["content"].as_str().unwrap_or_default();
        ensure!(self.text == stored, "streamed {:?}, stored {stored:?}", self.text);
        Ok(())
    }
}

/// The place of a text in the ids: `fence-sequence`, or `fence-all` for the whole text.
fn position(event: &StreamEvent) -> Result<(u64, u64)> {
    let id = event.id.as_deref().with_context(|| format!("{} has no id", event.event))?;
    let parse = |(fence, number): (&str, &str)| {
        let number = if number == "all" { WHOLE } else { number.parse().ok()? };
        Some((fence.parse().ok()?, number))
    };
    id.split_once('-').and_then(parse).with_context(|| format!("{id} is not the id of a text"))
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    fn apply(answer: &mut StreamedAnswer, event: &str, id: &str, data: &str) -> Result<()> {
        let id = Some(id.to_owned()).filter(|id| !id.is_empty());
        answer.apply(&StreamEvent { event: event.to_owned(), data: data.to_owned(), id, at: Instant::now() })
    }

    #[test]
    fn text_is_that_of_the_last_attempt() {
        let mut answer = StreamedAnswer::default();
        for (event, id, data) in [
            ("status", "", r#"{"processing_status":"pending"}"#),
            ("delta", "1-1", r#"{"text":"lost"}"#),
            ("restart", "2-1", "{}"),
            ("delta", "2-2", r#"{"text":"kept "}"#),
            ("delta", "2-3", r#"{"text":"te"}"#),
            // Another connection.
            ("status", "", "{}"),
        ] {
            apply(&mut answer, event, id, data).unwrap();
        }
        assert_eq!((answer.restarts, answer.last_event_id()), (1, Some("2-3")));
        assert!(answer.ensure_complete().is_err(), "not done");
        apply(&mut answer, "delta", "3-all", r#"{"text":"xt"}"#).unwrap();
        apply(&mut answer, "done", "3-done", r#"{"reply":{"content":"kept text"}}"#).unwrap();
        answer.ensure_complete().unwrap();
    }

    #[test]
    fn whole_text_may_follow_a_restart_with_an_earlier_id() {
        let mut answer = StreamedAnswer::default();
        apply(&mut answer, "delta", "2-7", r#"{"text":"trimmed"}"#).unwrap();
        apply(&mut answer, "restart", "2-0", "{}").unwrap();
        apply(&mut answer, "delta", "2-all", r#"{"text":"whole"}"#).unwrap();
        assert_eq!(answer.text, "whole");
    }

    #[test]
    fn what_a_client_must_never_get_is_an_error() {
        for (event, id) in [
            ("delta", "1-2"),
            ("delta", "1-1"),
            ("delta", "2-1"),
            ("delta", ""),
            ("delta", "1-done"),
            ("restart", "1"),
            ("other", "2-0"),
        ] {
            let mut answer = StreamedAnswer::default();
            apply(&mut answer, "delta", "1-2", r#"{"text":"a"}"#).unwrap();
            assert!(apply(&mut answer, event, id, r#"{"text":"b"}"#).is_err(), "{event} {id}");
        }
        let mut answer = StreamedAnswer::default();
        apply(&mut answer, "done", "1-done", r#"{"reply":{"content":"other"}}"#).unwrap();
        assert!(answer.ensure_complete().is_err(), "another text");
        assert!(apply(&mut answer, "status", "", "{}").is_err(), "after the end");
    }
}
