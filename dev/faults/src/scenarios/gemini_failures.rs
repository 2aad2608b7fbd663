//! Every way in which Gemini does not answer.

use std::time::Duration;

use anyhow::{Context as _, Result};
use harness::Suite;
use harness::person::{Person, unique};
use harness::world::World;
use serde_json::{Value, json};

use crate::figure::Figure;

/// What Gemini does each time, and what must come of it.
struct Case {
    name: &'static str,
    step: Value,
    /// Whether it goes on for ever; if not, it happens once.
    forever: bool,
    /// State, error code, attempts.
    outcome: &'static str,
    calls: usize,
}

fn cases() -> Vec<Case> {
    let case = |name, step, outcome, calls| Case { name, step, forever: true, outcome, calls };
    let limited = |more: Value| {
        let mut step = json!({"kind": "rate_limited"});
        step.as_object_mut()
            .into_iter()
            .zip(more.as_object())
            .for_each(|(step, more)| step.extend(more.clone()));
        step
    };
    vec![
        Case {
            forever: false,
            ..case("429 with RetryInfo", limited(json!({"retry_delay": "1s"})), "completed 1", 2)
        },
        Case {
            forever: false,
            ..case("429 without details", limited(json!({"details": false})), "completed 1", 2)
        },
        case("429 of the day", limited(json!({"per_day": true})), "failed gemini_quota 1", 1),
        case("503", json!({"kind": "error", "status": 503}), "failed gemini_overloaded 3", 3),
        case("500", json!({"kind": "error", "status": 500}), "failed gemini_overloaded 3", 3),
        case("400", json!({"kind": "error", "status": 400}), "failed invalid_request 1", 1),
        case("403", json!({"kind": "error", "status": 403}), "failed internal 1", 1),
        case("blocked prompt", json!({"kind": "blocked_prompt"}), "failed blocked_by_safety 1", 1),
        case("blocked answer", json!({"kind": "blocked_answer"}), "failed blocked_by_safety 1", 1),
        case("cut", json!({"kind": "cut"}), "failed gemini_overloaded 3", 3),
        case("slow", json!({"kind": "slow", "delay_ms": 6_000}), "failed timeout 3", 3),
        case("garbage", json!({"kind": "garbage"}), "failed gemini_overloaded 3", 3),
    ]
}

pub(super) async fn run(suite: &Suite) -> Result<Figure> {
    let overrides = [("GEMINI_MODEL_FALLBACK", "none"), ("GEMINI_TIMEOUT_MS", "2000")];
    let world = World::start(suite, "gemini-failures", &overrides).await?;
    world.start_worker().await?;
    let person = Person::sign_up(&world).await?;
    let cases = cases();
    let mut figure = Figure::new(format!("{} ways not to answer", cases.len()));
    for case in &cases {
        try_out(&world, &person, case, &mut figure).await.with_context(|| case.name.to_owned())?;
    }
    let used: i64 =
        world.db.query_one("SELECT coalesce(sum(messages), 0) FROM daily_usage", &[]).await?.get(0);
    let kept: i64 = {
        let kept =
            "SELECT count(*) FROM messages WHERE message_type = 'user' AND processing_status = 'completed'";
        world.db.query_one(kept, &[]).await?.get(0)
    };
    figure.check(used == kept, || format!("{used} units of quota used for {kept} answers"));
    Ok(figure)
}

async fn try_out(world: &World, person: &Person, case: &Case, figure: &mut Figure) -> Result<()> {
    // One that succeeds in between: failures that follow each other would open the breaker.
    let room = person.room(world).await?;
    person.send(world, &room).await?;
    world.wait_until_all_ended(Duration::from_mins(1)).await?;

    let text = unique("message");
    let script = if case.forever {
        json!({"match": text, "steps": [case.step], "forever": true})
    } else {
        json!({"match": text, "steps": [case.step]})
    };
    world.tell_gemini("script", &script).await?;
    let room = person.room(world).await?;
    let sent = person.send_text(world, &room, &text).await?;
    world.wait_until_all_ended(Duration::from_mins(2)).await?;
    let state = "SELECT concat_ws(' ', processing_status, error_code, attempts) FROM messages WHERE id = $1";
    let outcome: String = world.db.query_one(state, &[&sent.id]).await?.get(0);
    let calls = world.gemini.calls(&text);
    figure.check((outcome.as_str(), calls) == (case.outcome, case.calls), || {
        format!("{}: {outcome} after {calls} calls, not {} after {}", case.name, case.outcome, case.calls)
    });
    // A model that was used up for the day is left alone by all: let the next case begin with a fresh one.
    world.forget_models().await
}
