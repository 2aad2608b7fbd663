//! Splits a body into the data of its server-sent events, however the bytes arrive.
//!
//! Source: <https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream>.
//! Lines that belong to no event are kept: Gemini can write an error as plain JSON into a stream,
//! and a proxy can answer with a whole JSON document or a page.

/// The fields of an event besides `data`, which Gemini does not use.
const OTHER_FIELDS: [&[u8]; 3] = [b"event", b"id", b"retry"];

/// A decoder for the events of one body.
#[derive(Default)]
pub(super) struct EventDecoder {
    line: Vec<u8>,
    ended_by_cr: bool,
    data: Vec<u8>,
    other: Vec<u8>,
}

/// What is left at the end of a body.
pub(super) struct Remainder {
    /// The data of an event without its final empty line.
    pub(super) data: Vec<u8>,
    /// The lines outside of events.
    pub(super) other: Vec<u8>,
}

impl EventDecoder {
    /// Reads the next bytes. Returns the data of the events that they complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut events = Vec::new();
        for &byte in bytes {
            match byte {
                // The second byte of CRLF.
                b'\n' if self.ended_by_cr => {}
                b'\r' | b'\n' => events.extend(self.end_line()),
                _ => self.line.push(byte),
            }
            self.ended_by_cr = byte == b'\r';
        }
        events
    }

    /// Ends the body.
    pub(super) fn finish(mut self) -> Remainder {
        if !self.line.is_empty() {
            self.end_line();
        }
        Remainder { data: self.data, other: self.other }
    }

    /// Ends a line. Returns the data of the event that an empty line completes.
    fn end_line(&mut self) -> Option<Vec<u8>> {
        let line = std::mem::take(&mut self.line);
        let text = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&line);
        if text.is_empty() {
            return Some(std::mem::take(&mut self.data)).filter(|data| !data.is_empty());
        }
        let colon = text.iter().position(|byte| *byte == b':').unwrap_or(text.len());
        let (name, value) = (&text[..colon], text.get(colon + 1..).unwrap_or_default());
        if name == b"data" {
            if !self.data.is_empty() {
                self.data.push(b'\n');
            }
            self.data.extend_from_slice(value.strip_prefix(b" ").unwrap_or(value));
        } else if !name.is_empty() && !OTHER_FIELDS.contains(&name) {
            self.other.extend_from_slice(text);
            self.other.push(b'\n');
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "\u{feff}data: {\"a\":1}\r\n\r\n: heartbeat\n\ndata: {\ndata:\"é😀\"}\n\nevent: x\r\rid: 1\n\
                        {\"error\":\n5}\ndata: \"end\"\r\ndata: of it";

    fn decode<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<String>, String, String) {
        let mut decoder = EventDecoder::default();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let events = pieces.flat_map(|piece| decoder.push(piece)).map(text).collect();
        let Remainder { data, other } = decoder.finish();
        (events, text(data), text(other))
    }

    #[test]
    fn events_are_the_same_wherever_the_body_is_cut() {
        let whole = decode(std::iter::once(BODY.as_bytes()));
        assert_eq!(whole.0, ["{\"a\":1}", "{\n\"é😀\"}"]);
        assert_eq!((whole.1.as_str(), whole.2.as_str()), ("\"end\"\nof it", "{\"error\":\n5}\n"));
        for cut in 0..=BODY.len() {
            let (first, second) = BODY.as_bytes().split_at(cut);
            assert_eq!(decode([first, second].into_iter()), whole, "cut after {cut} bytes");
        }
        for size in 1..10 {
            assert_eq!(decode(BODY.as_bytes().chunks(size)), whole, "in pieces of {size} bytes");
        }
    }

    #[test]
    fn whole_documents_are_kept() {
        for body in ["{\"candidates\": [\r\n  {\"index\": 0}\r\n]}", "<html>\n<p>data: no</p>"] {
            let (events, data, other) = decode(std::iter::once(body.as_bytes()));
            assert_eq!((events.len(), data.as_str()), (0, ""));
            assert_eq!(other.trim_end(), body.replace("\r\n", "\n"));
        }
    }
}
