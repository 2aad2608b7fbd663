//! Parser of what a client sends to Postgres: finds the statements that it prepares and executes.

/// Finds messages: a letter, four bytes of length, a body. For other protocols, and with TLS, what
/// it finds is meaningless.
///
/// Source: <https://www.postgresql.org/docs/current/protocol-message-formats.html>.
#[derive(Default)]
pub(super) struct Messages {
    /// The bytes received of a message's head: the letter and the length.
    head: Vec<u8>,
    left: usize,
    /// Whether the first message, which has no letter, is complete.
    has_begun: bool,
    /// The bytes received of a message that prepares a statement.
    parse: Option<Vec<u8>>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) executed: u64,
    pub(super) prepared: Vec<String>,
}

/// The longest statement, in bytes. Other protocols seem to have lengths of any size here.
const LONGEST: usize = 64 * 1024;

impl Messages {
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

/// The statement in a `Parse` message: the second of its zero-terminated strings.
fn statement(body: &[u8]) -> Option<String> {
    let text = body.split(|&byte| byte == 0).nth(1)?;
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_found_wherever_the_bytes_are_split() {
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
