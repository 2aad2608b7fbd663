//! A simulated Redis, its workers and one reader, which is cut off again and again: the reader must
//! always end with exactly the stored text.

use clients::redis::live_text::{Entry, EntryId, EntryKind};
use domain::message::ProcessingStatus;

use super::EventId;
use super::follower::{Follower, TextEvent};

/// Pieces that look alike, so that a repetition or a gap can go unnoticed only by chance.
const PIECES: [&str; 6] = ["a", "ab", "ü", "😀 ", "\n", "aba"];

/// A small generator of pseudorandom numbers (splitmix64): each case has its own seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

/// What workers have written so far, and what became of the generation.
#[derive(Default)]
struct World {
    entries: Vec<Entry>,
    fence: u64,
    sequence: u64,
    text: String,
    is_final: bool,
    /// The stored text, if the generation is final and has one.
    reply: Option<String>,
    /// Whether Redis lost entries.
    is_damaged: bool,
}

impl World {
    fn write(&mut self, kind: EntryKind) {
        self.sequence += 1;
        let id = EntryId { fence: self.fence, sequence: self.sequence };
        self.entries.push(Entry { id, kind });
    }

    fn claim(&mut self) {
        self.fence += 1;
        (self.sequence, self.text) = (0, String::new());
        self.write(EntryKind::Start);
    }

    /// One step of a worker, or the death of one.
    fn step(&mut self, random: &mut Random) {
        if self.is_final {
            return;
        }
        match random.below(20) {
            _ if self.fence == 0 => self.claim(),
            // Its predecessor has died.
            0 => self.claim(),
            // A worker may also die before it has written anything.
            1 => {
                self.fence += 1;
                self.claim();
            }
            2 => {
                self.write(EntryKind::Pause);
                self.claim();
            }
            3 => self.write(EntryKind::Unknown),
            4 => self.end(random),
            _ => {
                let piece = PIECES[random.below(PIECES.len())];
                self.text.push_str(piece);
                self.write(EntryKind::Text(piece.to_owned()));
            }
        }
    }

    fn end(&mut self, random: &mut Random) {
        self.is_final = true;
        self.reply = match random.below(8) {
            0 => None,
            // The stored text differs from what was shown.
            1 => Some(self.text.trim().to_owned()),
            2 => Some(format!("{}, stored", self.text)),
            _ => Some(self.text.clone()),
        };
        // The worker may die between the commit and this entry.
        if !random.one_in(5) {
            self.write(EntryKind::End(ProcessingStatus::Completed));
        }
    }

    /// Redis removes the earliest entries, or loses some of the others.
    fn damage(&mut self, random: &mut Random) {
        self.is_damaged = true;
        if self.entries.is_empty() {
            return;
        }
        let at = random.below(self.entries.len());
        match random.below(3) {
            0 => drop(self.entries.drain(..=at)),
            1 => drop(self.entries.remove(at)),
            _ => self.entries.clear(),
        }
    }
}

/// The client at the other end.
#[derive(Default)]
struct Reader {
    text: String,
    last_event_id: Option<String>,
    restarts: usize,
}

impl Reader {
    fn apply(&mut self, event: &TextEvent) {
        let id = match event {
            TextEvent::Delta { id, text } => {
                self.text.push_str(text);
                id
            }
            TextEvent::Restart { id } => {
                self.text.clear();
                self.restarts += 1;
                id
            }
        };
        self.last_event_id = Some(id.to_string());
    }

    /// A stream that continues after the last event.
    fn resume(&self) -> Follower {
        let id: Option<EventId> = self.last_event_id.as_ref().map(|id| id.parse().unwrap());
        Follower::new(id)
    }
}

/// Runs one case. Returns the reader and the world at the end.
fn run(seed: u64, is_calm: bool) -> (Reader, World) {
    let (mut random, mut world, mut reader) = (Random(seed), World::default(), Reader::default());
    let mut follower = reader.resume();
    for _ in 0..200 {
        world.step(&mut random);
        if !is_calm && random.one_in(25) {
            world.damage(&mut random);
        }
        if !is_calm && random.one_in(6) {
            follower = reader.resume();
        }
        // Often several entries are read at once.
        if random.one_in(2) {
            let after = |entry: &&Entry| follower.position().is_none_or(|last| entry.id > last);
            let entries = world.entries.iter().filter(after).cloned().collect();
            let step = follower.read(entries);
            // The connection can be cut between any two events.
            let read = if !is_calm && random.one_in(8) { random.below(3) } else { usize::MAX };
            step.events.iter().take(read).for_each(|event| reader.apply(event));
            if read < step.events.len() {
                follower = reader.resume();
            }
        }
        if world.is_final && random.one_in(4) {
            break;
        }
    }
    world.is_final = true;
    // The end can be cut off, too; the next stream then gets it from Postgres alone.
    for attempt in 0.. {
        let events = follower.finish(world.reply.as_deref(), world.fence);
        let read = if attempt < 2 && !is_calm { random.below(3) } else { usize::MAX };
        events.iter().take(read).for_each(|event| reader.apply(event));
        if read >= events.len() {
            break;
        }
        follower = reader.resume();
    }
    (reader, world)
}

#[test]
fn reader_ends_with_the_stored_text_whatever_dies() {
    let (mut restarts, mut replies, mut damaged) = (0, 0, 0);
    for seed in 0..100_000 {
        let (reader, world) = run(seed, false);
        let stored = world.reply.unwrap_or_default();
        assert_eq!(reader.text, stored, "seed {seed}");
        restarts += reader.restarts;
        replies += usize::from(!stored.is_empty());
        damaged += usize::from(world.is_damaged);
    }
    // The cases are not all trivial.
    assert!(restarts > 50_000 && replies > 50_000 && damaged > 25_000, "{restarts} {replies} {damaged}");
}

#[test]
fn undisturbed_reader_restarts_only_with_another_attempt() {
    for seed in 0..20_000 {
        let (reader, world) = run(seed, true);
        let stored = world.reply.as_deref().unwrap_or_default();
        assert_eq!(reader.text, stored, "seed {seed}");
        let starts = world.entries.iter().filter(|entry| entry.kind == EntryKind::Start).count();
        // A stored text that does not continue the shown one takes one more.
        let is_shown = stored.starts_with(&world.text) && world.sequence > 0;
        assert!(reader.restarts < starts.max(1) + usize::from(!is_shown), "seed {seed}: {}", reader.restarts);
    }
}

fn entries(list: &[(u64, u64, EntryKind)]) -> Vec<Entry> {
    let entry = |(fence, sequence, kind): &(u64, u64, EntryKind)| Entry {
        id: EntryId { fence: *fence, sequence: *sequence },
        kind: kind.clone(),
    };
    list.iter().map(entry).collect()
}

fn text(piece: &str) -> EntryKind {
    EntryKind::Text(piece.to_owned())
}

fn delta(id: &str, text: &str) -> TextEvent {
    TextEvent::Delta { id: id.parse().unwrap(), text: text.to_owned() }
}

fn restart(id: &str) -> TextEvent {
    TextEvent::Restart { id: id.parse().unwrap() }
}

/// Two attempts: the first one has died.
fn two_attempts() -> Vec<Entry> {
    entries(&[
        (1, 1, EntryKind::Start),
        (1, 2, text("half ")),
        (1, 3, text("an answer")),
        (3, 1, EntryKind::Start),
        (3, 2, text("the ")),
        (3, 3, text("answer")),
        (3, 4, EntryKind::End(ProcessingStatus::Completed)),
    ])
}

#[test]
fn reader_resumes_at_each_id() {
    let all = [
        (None, vec![delta("3-3", "the answer")]),
        (Some("1-0"), vec![restart("3-1"), delta("3-3", "the answer")]),
        (Some("1-3"), vec![restart("3-1"), delta("3-3", "the answer")]),
        (Some("3-0"), vec![delta("3-3", "the answer")]),
        (Some("3-1"), vec![delta("3-3", "the answer")]),
        (Some("3-2"), vec![delta("3-3", "answer")]),
        (Some("3-3"), vec![]),
        (Some("3-all"), vec![]),
        (Some("2-all"), vec![restart("3-1"), delta("3-3", "the answer")]),
    ];
    for (id, expected) in all {
        let mut follower = Follower::new(id.map(|id| id.parse().unwrap()));
        let after = |entry: &Entry| follower.position().is_none_or(|last| entry.id > last);
        let step = follower.read(two_attempts().into_iter().filter(after).collect());
        assert_eq!(step.events, expected, "{id:?}");
        let is_whole = id == Some("3-all");
        assert_eq!(step.has_ended, !is_whole, "{id:?}");
        assert_eq!(follower.finish(Some("the answer"), 3), [], "{id:?}");
    }
}

#[test]
fn first_reader_gets_each_attempt_as_it_is_written() {
    let mut follower = Follower::new(None);
    let mut events = Vec::new();
    for entry in two_attempts() {
        events.extend(follower.read(vec![entry]).events);
    }
    let first = [delta("1-2", "half "), delta("1-3", "an answer")];
    assert_eq!(events[..2], first);
    assert_eq!(events[2..], [restart("3-1"), delta("3-2", "the "), delta("3-3", "answer")]);
}

#[test]
fn trimmed_and_expired_text_comes_whole_at_the_end() {
    for (id, read, expected) in [
        (None, 2..3, vec![delta("1-all", "abc")]),
        (Some("1-2"), 2..3, vec![restart("1-0"), delta("1-all", "abc")]),
        (Some("1-2"), 0..0, vec![restart("1-0"), delta("1-all", "abc")]),
        (Some("1-0"), 0..0, vec![restart("1-0"), delta("1-all", "abc")]),
        (Some("0-all"), 0..0, vec![restart("1-0"), delta("1-all", "abc")]),
    ] {
        let mut follower = Follower::new(id.map(|id| id.parse().unwrap()));
        let written = entries(&[(1, 1, EntryKind::Start), (1, 2, text("a")), (1, 3, text("bc"))]);
        assert_eq!(follower.read(written[read].to_vec()).events, []);
        assert_eq!(follower.finish(Some("abc"), 1), expected, "{id:?}");
    }
}

#[test]
fn reader_of_a_failed_answer_ends_without_text() {
    let mut follower = Follower::new(None);
    let step = follower.read(entries(&[(1, 1, EntryKind::Start), (1, 2, text("half"))]));
    assert!(step.has_started && !step.has_ended);
    assert_eq!(follower.finish(None, 1), [restart("1-0")]);
    assert_eq!(Follower::new(None).finish(None, 0), []);
    assert_eq!(Follower::distrusted().finish(Some("a"), 2), [restart("2-0"), delta("2-all", "a")]);
}

#[test]
fn another_generation_takes_the_text_back() {
    let mut follower = Follower::new(None);
    let _ = follower.read(entries(&[(1, 1, EntryKind::Start), (1, 2, text("first"))]));
    follower.follow_another_generation();
    assert_eq!(follower.position(), None);
    let step = follower.read(entries(&[(3, 1, EntryKind::Start), (3, 2, text("second"))]));
    assert_eq!(step.events, [restart("3-1"), delta("3-2", "second")]);
}
