//! Many senders, many rooms, nothing broken: the base of all other figures.

use std::time::{Duration, Instant};

use anyhow::Result;
use futures::future::try_join_all;
use harness::Suite;
use harness::person::{Person, Sent};
use harness::world::World;

use crate::figure::Figure;
use crate::verify;

pub(super) async fn run(suite: &Suite) -> Result<Figure> {
    let (senders, rooms, messages) = suite.scale.of((20, 10, 20), (4, 2, 10));
    let world = World::start(suite, "accepted", &[]).await?;
    world.start_worker().await?;
    let begun = Instant::now();
    let sent = try_join_all((0..senders).map(|_| chat(&world, rooms, messages))).await?.concat();
    world.wait_until_all_ended(Duration::from_mins(10)).await?;
    let took = begun.elapsed().as_secs_f64();

    let mut figure = Figure::new(format!(
        "{} messages of {senders} senders in {} rooms, 5 workers",
        sent.len(),
        senders * rooms
    ));
    figure.seen.push(format!("{:.0} a second", f64::from(u32::try_from(sent.len())?) / took));
    verify::answered(&world, &sent, &mut figure).await?;
    figure.check(figure.extra_calls == 0, || "Gemini was asked more than once for a message".to_owned());
    let inversions = verify::inversions(&world).await?;
    figure.check(inversions == 0, || format!("{inversions} answers out of order"));
    Ok(figure)
}

/// One person's messages, room by room in turn.
async fn chat(world: &World, rooms: usize, messages: usize) -> Result<Vec<Sent>> {
    let person = Person::sign_up(world).await?;
    let rooms = person.rooms(world, rooms).await?;
    let mut sent = Vec::new();
    for _ in 0..messages {
        for room in &rooms {
            sent.push(person.send(world, room).await?);
        }
    }
    Ok(sent)
}
