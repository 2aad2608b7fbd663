//! Statements, as a client says them to Postgres.

/// Finds the messages in what a client says to Postgres: a letter, a length, and so much more.
///
/// Source: <https://www.postgresql.org/docs/current/protocol-message-formats.html>. Without TLS; for other protocols what it
/// finds has no meaning.
#[derive(Default)]
pub(super) struct Messages {
    /// What has come of a message's head: the letter and the four bytes of its length.
    head: Vec<u8>,
    /// How much of the message is still to come.
    left: usize,
    /// Whether the first message is over, which has no letter.
    has_begun: bool,
    /// What has come of a message that brings a statement to be prepared.
    parse: Option<Vec<u8>>,
}

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// How many messages have begun that execute a statement.
    pub(super) executed: u64,
    /// The statements that were prepared.
    pub(super) prepared: Vec<String>,
}

/// No statement is longer, in bytes; another protocol has lengths of any size where these are looked for.
const LONGEST: usize = 64 * 1024;

impl Messages {
    /// What is in `bytes`, the next that were sent.
    pub(super) fn find(&mut self, bytes: &[u8]) -> Found {
        let mut found = Found::default();
        for &byte in bytes {
            if self.left > 0 {
                self.left -= 1;
                self.parse.iter_mut().for_each(|body| body.push(byte));
                if self.left == 0 {
                    found.prepared.extend(self.parse.take().and_then(|body| statement(&body)));
                }
                continue;
            }
            self.head.push(byte);
            let letters = usize::from(self.has_begun);
            let Some(length) = self.head.get(letters..letters + 4) else { continue };
            let length = length.iter().fold(0, |length, &byte| length << 8 | usize::from(byte));
            self.left = length.saturating_sub(4);
            if self.has_begun && matches!(self.head[0], b'E' | b'Q') {
                found.executed += 1;
            }
            self.parse = (self.has_begun && self.head[0] == b'P' && self.left < LONGEST).then(Vec::new);
            self.has_begun = true;
            self.head.clear();
        }
        found
    }
}

/// The statement in a message that has it prepared: the second of its texts, each of which ends with a zero.
fn statement(body: &[u8]) -> Option<String> {
    let text = body.split(|&byte| byte == 0).nth(1)?;
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_found_however_they_are_cut() {
        let message = |letter: u8, body: &[u8]| {
            let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
            [&[letter], length.as_slice(), body].concat()
        };
        let startup = [8_u32.to_be_bytes(), 196_608_u32.to_be_bytes()].concat();
        let talk = [
            startup,
            message(b'Q', b"BEGIN\0"),
            message(b'P', b"s1\0SELECT 1\0\0\0"),
            message(b'B', b"EEEE"),
            message(b'E', b"\0\0\0\0\0"),
            message(b'S', b""),
        ];
        let talk = talk.concat();
        for cut in 1..talk.len() {
            let mut messages = Messages::default();
            let (first, second) = talk.split_at(cut);
            let (first, second) = (messages.find(first), messages.find(second));
            assert_eq!(first.executed + second.executed, 2, "cut at {cut}");
            assert_eq!([first.prepared, second.prepared].concat(), ["SELECT 1"], "cut at {cut}");
        }
    }
}
