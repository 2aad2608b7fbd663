//! Statements, as a client says them to Postgres.

/// Finds the messages in what a client says to Postgres: a letter, a length, and so much more.
///
/// Source: <https://www.postgresql.org/docs/current/protocol-message-formats.html>. Without TLS; for other protocols what it
/// counts has no meaning.
#[derive(Default)]
pub(super) struct Messages {
    /// What has come of a message's head: the letter and the four bytes of its length.
    head: Vec<u8>,
    /// How much of the message is still to come.
    left: usize,
    /// Whether the first message is over, which has no letter.
    has_begun: bool,
}

impl Messages {
    /// How many messages that execute a statement begin in `bytes`, the next that were sent.
    pub(super) fn statements_in(&mut self, bytes: &[u8]) -> u64 {
        let mut statements = 0;
        for &byte in bytes {
            if self.left > 0 {
                self.left -= 1;
                continue;
            }
            self.head.push(byte);
            let letters = usize::from(self.has_begun);
            let Some(length) = self.head.get(letters..letters + 4) else { continue };
            let length = length.iter().fold(0, |length, &byte| length << 8 | usize::from(byte));
            self.left = length.saturating_sub(4);
            if self.has_begun && matches!(self.head[0], b'E' | b'Q') {
                statements += 1;
            }
            self.has_begun = true;
            self.head.clear();
        }
        statements
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_counted_however_they_are_cut() {
        let message = |letter: u8, body: &[u8]| {
            let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
            [&[letter], length.as_slice(), body].concat()
        };
        let startup = [8_u32.to_be_bytes(), 196_608_u32.to_be_bytes()].concat();
        let talk = [
            startup,
            message(b'Q', b"BEGIN\0"),
            message(b'B', b"EEEE"),
            message(b'E', b"\0\0\0\0\0"),
            message(b'S', b""),
        ];
        let talk = talk.concat();
        for cut in 1..talk.len() {
            let mut messages = Messages::default();
            let (first, second) = talk.split_at(cut);
            assert_eq!(messages.statements_in(first) + messages.statements_in(second), 2, "cut at {cut}");
        }
    }
}
