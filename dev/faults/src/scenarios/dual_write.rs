//! The function that takes messages in, killed between the database's COMMIT and the queue's `SendMessage`.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use harness::Suite;
use harness::person::{Person, Sent, unique};
use harness::victim::{SEND, Victim, reached};
use harness::world::World;
use serde_json::Value;
use tokio::time::sleep;

use crate::figure::Figure;
use crate::verify;

/// How many die at once.
const AT_ONCE: usize = 4;
/// When a message that was never queued is due to be swept, after it was taken in.
const DUE: Duration = Duration::from_secs(61);

pub(super) async fn run(suite: &Suite) -> Result<Figure> {
    let kills: usize = suite.scale.of(100, 4);
    let world = World::start(suite, "dual-write", &[]).await?;
    let person = Person::sign_up(&world).await?;
    let deaths = stream::iter(0..kills).map(|_| die(&world, &person));
    let sent: Vec<Sent> = deaths.buffer_unordered(AT_ONCE).try_collect().await?;
    ensure!(world.receive(1).await?.is_empty(), "something came to the queue all the same");

    world.start_worker().await?;
    sleep(DUE).await;
    let begun = Instant::now();
    let mut resent = 0;
    for _ in 0..2 {
        resent += world.sweep().await?["resent"].as_u64().unwrap_or_default();
    }
    world.wait_until_all_ended(Duration::from_mins(2)).await?;

    let mut figure = Figure::new(format!("{kills} SIGKILLs between COMMIT and SendMessage, 2 sweeps"));
    figure.recovery = Some(begun.elapsed());
    figure.check(resent == kills as u64, || format!("{resent} of {kills} were sent again"));
    verify::answered(&world, &sent, &mut figure).await?;
    Ok(figure)
}

/// Sends a message whose function dies before it can put it on the queue.
async fn die(world: &World, person: &Person) -> Result<Sent> {
    let (room, text) = (person.room(world).await?, unique("message"));
    let victim = Victim::of(world, "chatroom").await?;
    let event: Value = person.message(&room, &text).event();
    victim.die_at(event, reached(victim.hold_aws(SEND))).await?;
    let row = world.db.query_one("SELECT id FROM messages WHERE content = $1", &[&text]).await?;
    Ok(Sent { id: row.get(0), text })
}
