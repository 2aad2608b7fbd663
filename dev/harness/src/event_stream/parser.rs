//! The format `text/event-stream`, as browsers read it.
//!
//! Source: <https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream>.

use std::collections::VecDeque;
use std::mem;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::time::Instant;

use super::StreamEvent;

#[derive(Debug, Default)]
pub(super) struct Parser {
    line: Vec<u8>,
    /// Whether the last byte was a carriage return, so that a line feed after it begins no line.
    is_after_return: bool,
    event: String,
    data: Option<String>,
    /// The id in the event that is not complete.
    id: Option<String>,
    last_event_id: Option<String>,
    retry: Option<Duration>,
    comments: usize,
}

impl Parser {
    /// Reads bytes that arrived at `at`, and appends the events that they complete.
    pub(super) fn read(
        &mut self,
        bytes: &[u8],
        at: Instant,
        events: &mut VecDeque<StreamEvent>,
    ) -> Result<()> {
        for &byte in bytes {
            let is_after_return = mem::replace(&mut self.is_after_return, byte == b'\r');
            match byte {
                b'\n' if is_after_return => {}
                b'\r' | b'\n' => {
                    let line = mem::take(&mut self.line);
                    let line = String::from_utf8(line).context("the stream is not UTF-8")?;
                    events.extend(self.read_line(&line, at));
                }
                _ => self.line.push(byte),
            }
        }
        Ok(())
    }

    pub(super) fn last_event_id(&self) -> Option<&str> {
        self.last_event_id.as_deref()
    }

    pub(super) fn retry(&self) -> Option<Duration> {
        self.retry
    }

    pub(super) fn comments(&self) -> usize {
        self.comments
    }

    fn read_line(&mut self, line: &str, at: Instant) -> Option<StreamEvent> {
        if line.is_empty() {
            return self.dispatch(at);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" => self.comments += 1,
            "event" => value.clone_into(&mut self.event),
            "data" => match &mut self.data {
                Some(data) => *data = format!("{data}\n{value}"),
                None => self.data = Some(value.to_owned()),
            },
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            "retry" => self.retry = value.parse().ok().map(Duration::from_millis).or(self.retry),
            _ => {}
        }
        None
    }

    /// An id counts with the empty line after it, even where there is no data.
    fn dispatch(&mut self, at: Instant) -> Option<StreamEvent> {
        self.last_event_id = self.id.take().or(self.last_event_id.take());
        let event = mem::take(&mut self.event);
        let data = self.data.take()?;
        let event = if event.is_empty() { "message".to_owned() } else { event };
        Some(StreamEvent { event, data, id: self.last_event_id.clone(), at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "retry: 500\n: hi\n\nevent: delta\r\ndata: é\r\ndata:  2\r\nid: 1-1\r\n\r\nid: 1-2\r\rdata\n\n\
                          event: lost\n\ndata: cut";

    fn read(chunks: &[&[u8]]) -> (Vec<(String, String, Option<String>)>, Parser) {
        let (mut parser, mut events) = (Parser::default(), VecDeque::new());
        for chunk in chunks {
            parser.read(chunk, Instant::now(), &mut events).unwrap();
        }
        (events.into_iter().map(|event| (event.event, event.data, event.id)).collect(), parser)
    }

    #[test]
    fn events_are_the_same_wherever_the_chunks_end() {
        let event =
            |name: &str, data: &str, id: &str| (name.to_owned(), data.to_owned(), Some(id.to_owned()));
        let expected = [event("delta", "é\n 2", "1-1"), event("message", "", "1-2")];
        for end in 0..=STREAM.len() {
            let (start, rest) = STREAM.as_bytes().split_at(end);
            let (events, parser) = read(&[start, rest]);
            assert_eq!(events, expected, "{end}");
            assert_eq!((parser.retry(), parser.comments()), (Some(Duration::from_millis(500)), 1));
            assert_eq!(parser.last_event_id(), Some("1-2"));
        }
    }

    #[test]
    fn id_of_an_incomplete_event_does_not_count() {
        let whole = "data: 1\nid: 1-1\n\ndata: 2\nid: 1-2\n";
        assert_eq!(read(&[whole.as_bytes()]).1.last_event_id(), Some("1-1"));
        assert_eq!(read(&[whole.as_bytes(), b"\n"]).1.last_event_id(), Some("1-2"));
    }
}
