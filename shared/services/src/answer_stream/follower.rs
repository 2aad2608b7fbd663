//! Decides which events a reader needs, so that its text is exactly the stored one. No I/O.
//!
//! The entries of Redis are the text of an attempt if none is missing from its start on. Otherwise the
//! reader waits for another attempt, or for the end, when the whole text is in Postgres.

use clients::redis::live_text::{Entry, EntryId, EntryKind};

use super::event::EventId;

/// A change of the reader's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextEvent {
    /// `text` follows.
    Delta {
        /// The reader's position afterwards.
        id: EventId,
        /// The piece.
        text: String,
    },
    /// All text is void.
    Restart {
        /// The reader's position afterwards.
        id: EventId,
    },
}

/// What the reader has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    /// No text.
    Nothing,
    /// The text of an attempt up to an entry that was not read yet, by what the reader says.
    Until(EntryId),
    /// Exactly the text of the attempt that is read.
    Attempt,
    /// The whole stored text of the attempt with this fence.
    Whole(u64),
    /// Some text that must be taken back.
    Other,
}

/// The state of one reader.
#[derive(Debug)]
pub struct Follower {
    /// The last entry that was read, or the position before the first one to read.
    last: Option<EntryId>,
    /// The text of the attempt that `last` belongs to, if no entry of it is missing.
    attempt: Option<String>,
    held: Held,
}

/// What the entries of one read mean.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// The changes of the text, in order.
    pub events: Vec<TextEvent>,
    /// Whether an attempt has started.
    pub has_started: bool,
    /// Whether the last attempt has ended: its state is in Postgres.
    pub has_ended: bool,
}

impl Follower {
    /// A reader that resumes after the event `resumed`, or that has no text.
    #[must_use]
    pub fn new(resumed: Option<EventId>) -> Self {
        let (last, held) = match resumed {
            None => (None, Held::Nothing),
            // The attempt is read from its start on, to know the text that the reader has.
            Some(EventId::Entry(id)) => (Some(EntryId { sequence: 0, ..id }), Held::Until(id)),
            Some(EventId::Whole(fence) | EventId::Done(fence) | EventId::Replaced(fence)) => {
                (Some(EntryId { fence, sequence: u64::MAX }), Held::Whole(fence))
            }
        };
        Self { last, attempt: None, held }
    }

    /// A reader with some text whose position is unknown.
    #[must_use]
    pub fn distrusted() -> Self {
        Self { last: None, attempt: None, held: Held::Other }
    }

    /// The position after which entries must be read.
    #[must_use]
    pub fn position(&self) -> Option<EntryId> {
        self.last
    }

    /// Follows another generation, whose stream is another one.
    pub fn follow_another_generation(&mut self) {
        let held = if self.held == Held::Nothing { Held::Nothing } else { Held::Other };
        *self = Self { last: None, attempt: None, held };
    }

    /// Applies the entries after [`Self::position`].
    pub fn read(&mut self, entries: Vec<Entry>) -> Step {
        let mut step = Step::default();
        let has_nothing = self.held == Held::Nothing;
        for Entry { id, kind } in entries {
            if self.last.is_some_and(|last| id <= last) {
                continue;
            }
            let is_start = kind == EntryKind::Start && id.sequence == 1;
            if !is_start && !id.follows(self.last) {
                self.lose();
            }
            self.last = Some(id);
            match kind {
                EntryKind::Start if is_start => self.start(id, has_nothing, &mut step),
                EntryKind::Text(text) => self.text(id, text, &mut step),
                EntryKind::End(_) | EntryKind::Pause => step.has_ended = true,
                EntryKind::Start | EntryKind::Unknown => {}
            }
            if self.attempt.is_some() && self.held == Held::Until(id) {
                self.held = Held::Attempt;
            }
        }
        step
    }

    /// The events after which the reader has exactly the final text: that of the stored `reply`, or
    /// none. `fence` is the last one of the generation.
    pub fn finish(&mut self, reply: Option<&str>, fence: u64) -> Vec<TextEvent> {
        let whole = |text: &str| TextEvent::Delta { id: EventId::Whole(fence), text: text.to_owned() };
        // A reader that is cut off after this event must not keep the position of its former text.
        let restart = TextEvent::Restart { id: EventId::Entry(EntryId { fence, sequence: 0 }) };
        let reply = reply.unwrap_or_default();
        let rest = match (self.held, &self.attempt) {
            (Held::Nothing, _) => Some(reply),
            (Held::Whole(held), _) if held == fence => Some(""),
            (Held::Attempt, Some(text)) => reply.strip_prefix(text.as_str()),
            _ => None,
        };
        self.held = Held::Whole(fence);
        match rest {
            Some("") => Vec::new(),
            Some(rest) => vec![whole(rest)],
            None if reply.is_empty() => vec![restart],
            None => vec![restart, whole(reply)],
        }
    }

    /// An attempt starts. `has_nothing`: before this read the reader had no text.
    fn start(&mut self, id: EntryId, has_nothing: bool, step: &mut Step) {
        self.attempt = Some(String::new());
        (step.has_started, step.has_ended) = (true, false);
        match self.held {
            Held::Nothing => self.held = Held::Attempt,
            // The reader has text of this attempt, or of a later one.
            Held::Until(held) if held.fence >= id.fence => {
                if held.fence == id.fence && held.sequence == 0 {
                    self.held = Held::Attempt;
                }
            }
            Held::Whole(fence) if fence >= id.fence => {}
            Held::Until(_) | Held::Attempt | Held::Whole(_) | Held::Other => {
                self.held = Held::Attempt;
                // The text before it in the same read need not be sent.
                step.events.clear();
                if !has_nothing {
                    step.events.push(TextEvent::Restart { id: EventId::Entry(id) });
                }
            }
        }
    }

    fn text(&mut self, id: EntryId, piece: String, step: &mut Step) {
        let Some(attempt) = &mut self.attempt else { return };
        attempt.push_str(&piece);
        if self.held != Held::Attempt {
            return;
        }
        let id = EventId::Entry(id);
        if let Some(TextEvent::Delta { id: last, text }) = step.events.last_mut() {
            text.push_str(&piece);
            *last = id;
        } else {
            step.events.push(TextEvent::Delta { id, text: piece });
        }
    }

    /// An entry of the attempt is missing.
    fn lose(&mut self) {
        if self.held == Held::Attempt {
            let has_text = self.attempt.as_ref().is_some_and(|text| !text.is_empty());
            self.held = if has_text { Held::Other } else { Held::Nothing };
        }
        self.attempt = None;
    }
}
