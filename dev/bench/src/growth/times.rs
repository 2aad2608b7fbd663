//! Requests of somebody who has little and of somebody who has much, in turn.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use harness::InstrumentedInstance;
use harness::TestEnvironment;
use harness::TestUser;
use serde_json::{Value, json};

use super::seed::Places;
use crate::probes::Probe;
use crate::sample::{Sample, milliseconds};

/// How many times as long a request may take where there is very much.
const GOAL: f64 = 1.5;

/// How often everything is asked before it counts: statements are prepared then, and planned for all parameters if at all.
const WARM: usize = 20;

/// How long both take.
#[derive(Debug)]
pub(super) struct Times {
    name: &'static str,
    small: Sample,
    great: Sample,
    /// Why it was asked no further, where it was answered by something else.
    pub(super) failure: Option<String>,
}

impl Times {
    /// How many times as long it takes where there is much.
    pub(super) fn ratio(&self) -> Option<f64> {
        let (small, great) = (self.small.median()?, self.great.median()?);
        Some(great.as_secs_f64() / small.as_secs_f64())
    }

    pub(super) fn json(&self) -> Value {
        let ms = |sample: &Sample| sample.median().map(|time| (time.as_secs_f64() * 1e6).round() / 1e3);
        json!({
            "name": self.name, "small_p50_ms": ms(&self.small), "large_p50_ms": ms(&self.great),
            "ratio": self.ratio(), "goal": GOAL, "failure": self.failure,
        })
    }
}

/// Asks everything so many times in turn, about little and about much, of processes that have answered before.
pub(super) async fn measure(
    world: &TestEnvironment,
    small: (&TestUser, &Places),
    great: (&TestUser, &Places),
    times: usize,
) -> Result<Vec<Times>> {
    let (user, chatroom) = (
        InstrumentedInstance::start(world, "user").await?,
        InstrumentedInstance::start(world, "chatroom").await?,
    );
    let mut measured = Vec::new();
    for (small, great) in probes(small.0, small.1)?.into_iter().zip(probes(great.0, great.1)?) {
        let guest = if small.function == "user" { &user } else { &chatroom };
        measured.push(in_turn(guest, &small, &great, times).await);
    }
    Ok(measured)
}

/// Asks both so many times in turn.
async fn in_turn(guest: &InstrumentedInstance, small: &Probe, great: &Probe, times: usize) -> Times {
    let (name, failure) = (small.name, None);
    let mut taken = Times { name, small: Sample::default(), great: Sample::default(), failure };
    for number in 0..times + WARM {
        let asked = async { anyhow::Ok((small.ask(guest).await?, great.ask(guest).await?)) };
        match asked.await {
            Ok((little, much)) if number >= WARM => {
                taken.small.push(little);
                taken.great.push(much);
            }
            Ok(_) => {}
            Err(error) => return Times { failure: Some(format!("{error:#}")), ..taken },
        }
    }
    taken
}

/// What is asked of somebody. It brings as many rows whoever it is. Sending comes last, for it makes a room larger.
fn probes(person: &TestUser, places: &Places) -> Result<Vec<Probe>> {
    let Places { rooms, room, messages, message } = places;
    let get = |name, path: String| {
        let person = person.clone();
        Probe::new(name, 200, move || person.request("GET", path.clone()))
    };
    let sixth_oldest =
        rooms.len().checked_sub(6).and_then(|place| rooms.get(place)).context("too few rooms")?;
    let halfway = messages / 2 + 1;
    let (sender, sending) = (person.clone(), room.to_string());
    Ok(vec![
        get("GET /api/user/me", "/api/user/me".to_owned()),
        get("GET /api/user/stats", "/api/user/stats".to_owned()),
        get("GET /api/chatroom, newest page", "/api/chatroom?limit=9".to_owned()),
        get("GET /api/chatroom, oldest page", format!("/api/chatroom?limit=4&cursor={sixth_oldest}")),
        get("GET /api/chatroom/{id}, newest page", format!("/api/chatroom/{room}?limit=9")),
        get("GET /api/chatroom/{id}, halfway", format!("/api/chatroom/{room}?limit=4&before={halfway}")),
        get("GET message status", format!("/api/chatroom/message/{message}/status")),
        get("GET /api/chatroom/search, a rare word", "/api/chatroom/search?q=needle&limit=9".to_owned()),
        get("GET /api/chatroom/search, a common word", "/api/chatroom/search?q=minutes&limit=9".to_owned()),
        Probe::new("POST message", 201, move || sender.message(&sending, "What is a lease good for?")),
    ])
}

/// All of it, in Markdown.
pub(super) fn table(times: &[Times]) -> String {
    let mut text =
        format!("\n| request | small p50 ms | large p50 ms | ratio | goal {GOAL} |\n|---|---|---|---|---|\n");
    for one in times {
        let verdict = match one.ratio() {
            _ if one.failure.is_some() => "**fails**",
            Some(ratio) if ratio <= GOAL => "kept",
            _ => "**over**",
        };
        let ratio = one.ratio().map_or("–".to_owned(), |ratio| format!("{ratio:.2}"));
        let (small, great) = (milliseconds(one.small.median()), milliseconds(one.great.median()));
        let _ = writeln!(text, "| {} | {small} | {great} | {ratio} | {verdict} |", one.name);
    }
    text
}
