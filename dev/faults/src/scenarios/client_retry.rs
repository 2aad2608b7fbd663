//! A client that sends its request again: at once, later, with another body, and after the function that had it was killed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures::future::try_join_all;
use harness::Suite;
use harness::api::Request;
use harness::person::{Person, unique};
use harness::victim::{SEND, Victim, reached};
use harness::world::World;
use tokio::time::sleep;
use uuid::Uuid;

use crate::figure::Figure;

/// How many requests there are at once.
const AT_ONCE: usize = 50;
/// How long a client may have to go on asking after its function was killed.
const PATIENCE: Duration = Duration::from_mins(1);

pub(super) async fn run(suite: &Suite) -> Result<Figure> {
    let rounds: usize = suite.scale.of(20, 2);
    let world = World::start(suite, "client-retry", &[]).await?;
    let person = Person::sign_up(&world).await?;
    let room = person.room(&world).await?;
    let mut figure = Figure::new(format!("{rounds} rounds of {AT_ONCE} requests at once under one key"));
    for _ in 0..rounds {
        round(&world, &person, &room, &mut figure).await?;
    }
    let recovery = after_a_kill(&world, &person, &room, &mut figure).await?;
    figure.recovery = Some(recovery);
    figure.seen.push(
        "1 SIGKILL between COMMIT and the answer, then the same request until it is answered".to_owned(),
    );
    Ok(figure)
}

fn keyed(person: &Person, room: &str, text: &str, key: &str) -> Request {
    person.message(room, text).header("idempotency-key", key)
}

async fn round(world: &World, person: &Person, room: &str, figure: &mut Figure) -> Result<()> {
    let (text, key) = (unique("message"), Uuid::new_v4().to_string());
    let request = keyed(person, room, &text, &key);
    let answers = try_join_all((0..AT_ONCE).map(|_| request.send(&world.lambda))).await?;
    let mut statuses = BTreeMap::new();
    for answer in &answers {
        *statuses.entry(answer.status).or_insert(0) += 1;
    }
    let only_these = statuses.keys().all(|status| [201, 409].contains(status));
    figure.check(only_these && statuses.contains_key(&201), || format!("statuses {statuses:?}"));
    let again = request.send(&world.lambda).await?.expect(201)?;
    let same = answers.iter().filter(|answer| answer.status == 201).all(|answer| answer.body == again.body);
    figure.check(same, || "two 201 under one key are not the same".to_owned());
    let other = keyed(person, room, &unique("another"), &key).send(&world.lambda).await?;
    figure.check(other.status == 422, || format!("another body under the key is a {}", other.status));
    one_row(world, &text, figure).await
}

/// The function dies when its message is stored and nobody knows; the client asks until it is answered.
async fn after_a_kill(world: &World, person: &Person, room: &str, figure: &mut Figure) -> Result<Duration> {
    let (text, key) = (unique("message"), Uuid::new_v4().to_string());
    let request = keyed(person, room, &text, &key);
    let victim = Victim::of(world, "chatroom").await?;
    victim.die_at(request.event(), reached(victim.hold_aws(SEND))).await?;
    let begun = Instant::now();
    let answer = loop {
        let answer = request.send(&world.lambda).await?;
        if answer.status != 409 {
            break answer.expect(201)?;
        }
        anyhow::ensure!(begun.elapsed() < PATIENCE, "still in flight after {PATIENCE:?}");
        let wait = answer.headers.get("retry-after").context("a 409 without Retry-After")?;
        sleep(Duration::from_secs(wait.parse().context("reading Retry-After")?)).await;
    };
    let row = world.db.query_one("SELECT id FROM messages WHERE content = $1", &[&text]).await?;
    let stored: Uuid = row.get(0);
    let answered = answer.text("/message/id")?;
    figure.check(answered == stored.to_string(), || format!("{answered} was answered, {stored} is stored"));
    one_row(world, &text, figure).await?;
    Ok(begun.elapsed())
}

async fn one_row(world: &World, text: &str, figure: &mut Figure) -> Result<()> {
    let row = world.db.query_one("SELECT count(*) FROM messages WHERE content = $1", &[&text]).await?;
    let rows: i64 = row.get(0);
    figure.count(usize::from(rows == 0), usize::try_from((rows - 1).max(0))?);
    Ok(())
}
