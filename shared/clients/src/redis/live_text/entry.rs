//! The entries of a stream, and their form in Redis.

use std::fmt;
use std::str::FromStr;

use domain::message::ProcessingStatus;

/// The id of an entry. Ids grow with time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId {
    /// The fence of the claim under which it was written.
    pub fence: u64,
    /// Its number within the fence, from 1.
    pub sequence: u64,
}

impl EntryId {
    /// Whether an entry with this id can directly follow `last`. `None` is the beginning.
    #[must_use]
    pub fn follows(self, last: Option<Self>) -> bool {
        match last {
            Some(last) if last.fence == self.fence => self.sequence == last.sequence + 1,
            _ => self.sequence == 1,
        }
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.fence, self.sequence)
    }
}

/// A text is no id of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the id of an entry: two numbers and a hyphen between them")]
pub struct InvalidEntryId;

impl FromStr for EntryId {
    type Err = InvalidEntryId;

    fn from_str(text: &str) -> Result<Self, InvalidEntryId> {
        // `parse` also accepts a plus sign.
        let number =
            |text: &str| text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
        let (fence, sequence) = text.split_once('-').ok_or(InvalidEntryId)?;
        let (fence, sequence) = (number(fence), number(sequence));
        fence.zip(sequence).map(|(fence, sequence)| Self { fence, sequence }).ok_or(InvalidEntryId)
    }
}

/// An entry of the stream of a generation.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// The id.
    pub id: EntryId,
    /// What it says.
    pub kind: EntryKind,
}

/// What an entry says.
#[derive(Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// An attempt has started: text of smaller fences is void.
    Start,
    /// The next piece of the answer.
    Text(String),
    /// The generation has this final status in Postgres.
    End(ProcessingStatus),
    /// The attempt has ended and the generation waits for another.
    Pause,
    /// A kind of a later release, which readers skip.
    Unknown,
}

impl EntryKind {
    /// The field and its value in Redis.
    pub(super) fn field(&self) -> [&str; 2] {
        match self {
            Self::Start => ["start", ""],
            Self::Text(text) => ["text", text],
            Self::End(status) => ["end", status.as_str()],
            Self::Pause => ["pause", ""],
            Self::Unknown => ["unknown", ""],
        }
    }

    /// The kind of an entry with these fields.
    pub(super) fn from_fields(fields: Vec<(String, String)>) -> Self {
        let Some((field, value)) = fields.into_iter().next() else { return Self::Unknown };
        match field.as_str() {
            "start" => Self::Start,
            "text" => Self::Text(value),
            "end" => ProcessingStatus::try_from(value.as_str()).map_or(Self::Unknown, Self::End),
            "pause" => Self::Pause,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.id, self.kind)
    }
}

/// Shows the length of a text only.
impl fmt::Debug for EntryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "text of {} bytes", text.len()),
            kind => write!(f, "{}", kind.field().join(" ").trim_end()),
        }
    }
}

/// The result of a read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entries {
    /// The entries after the given position, in order. Empty if there was none in time.
    pub entries: Vec<Entry>,
    /// Whether an entry is missing before or between them: the stream has removed its earliest
    /// entries, or Redis has lost them. The whole text is in Postgres after the end.
    pub is_trimmed: bool,
}

impl Entries {
    pub(super) fn new(last: Option<EntryId>, entries: Vec<Entry>) -> Self {
        let mut last = last;
        let mut is_trimmed = false;
        for entry in &entries {
            is_trimmed |= !entry.id.follows(last);
            last = Some(entry.id);
        }
        Self { entries, is_trimmed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> EntryId {
        text.parse().unwrap()
    }

    #[test]
    fn id_survives_a_round_trip_and_others_are_refused() {
        assert_eq!(id("3-14"), EntryId { fence: 3, sequence: 14 });
        assert_eq!(id("3-14").to_string(), "3-14");
        assert!(id("2-900") < id("3-1") && id("3-9") < id("3-10"));
        for text in ["", "3", "3-", "-3", "+3-1", "3-1-4", "a-1", "3-99999999999999999999", " 3-1"] {
            assert_eq!(text.parse::<EntryId>(), Err(InvalidEntryId), "{text:?}");
        }
    }

    #[test]
    fn missing_entry_is_noticed() {
        let read = |last: &str, ids: &[&str]| {
            let entry = |text: &&str| Entry { id: id(text), kind: EntryKind::Start };
            Entries::new(last.parse().ok(), ids.iter().map(entry).collect()).is_trimmed
        };
        for (last, ids) in
            [("", ["1-1", "1-2"]), ("", ["4-1", "4-2"]), ("1-7", ["1-8", "2-1"]), ("1-7", ["3-1", "3-2"])]
        {
            assert!(!read(last, &ids), "{last} {ids:?}");
        }
        for (last, ids) in
            [("", ["1-2", "1-3"]), ("1-7", ["1-9", "2-1"]), ("1-7", ["2-2", "2-3"]), ("1-7", ["1-8", "2-4"])]
        {
            assert!(read(last, &ids), "{last} {ids:?}");
        }
        assert!(!read("1-7", &[]));
    }

    #[test]
    fn kinds_of_later_releases_are_unknown() {
        let kind =
            |field: &str, value: &str| EntryKind::from_fields(vec![(field.to_owned(), value.to_owned())]);
        for known in [
            EntryKind::Start,
            EntryKind::Text("a".to_owned()),
            EntryKind::End(ProcessingStatus::Failed),
            EntryKind::Pause,
        ] {
            let [field, value] = known.field();
            assert_eq!(kind(field, value), known);
        }
        assert_eq!(kind("citation", "a"), EntryKind::Unknown);
        assert_eq!(kind("end", "exploded"), EntryKind::Unknown);
        assert_eq!(EntryKind::from_fields(Vec::new()), EntryKind::Unknown);
    }

    #[test]
    fn text_is_absent_from_debug_output() {
        let entry = Entry { id: id("1-2"), kind: EntryKind::Text("secret".to_owned()) };
        assert_eq!(format!("{entry:?}"), "1-2 text of 6 bytes");
        assert_eq!(format!("{:?}", EntryKind::End(ProcessingStatus::Failed)), "end failed");
    }
}
