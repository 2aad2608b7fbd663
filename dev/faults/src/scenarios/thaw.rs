//! Sockets that fell silent while their owner was frozen: the next request heals.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use harness::Suite;
use harness::api::Request;
use harness::person::{Person, unique};
use harness::world::World;
use tokio::time::sleep;

use crate::figure::Figure;

/// How long the freeze lasts: a connection that was used a moment ago is not asked whether it lives.
const FROZEN: Duration = Duration::from_millis(1_100);

/// The next request must be answered in less.
const GOAL: Duration = Duration::from_millis(1_500);

pub(super) async fn run(suite: &Suite) -> Result<Figure> {
    let rounds: usize = suite.scale.of(10, 2);
    let goal = suite.within(GOAL);
    let world = World::start(suite, "thaw", &[]).await?;
    let person = Person::sign_up(&world).await?;
    let room = person.room(&world).await?;
    let mut figure =
        Figure::new(format!("{rounds} times each: Postgres's sockets, Redis's, both; 3 kinds of request"));
    let mut slowest = Duration::ZERO;
    for (what, postgres, redis) in [("Postgres", true, false), ("Redis", false, true), ("both", true, true)] {
        for round in 0..rounds {
            for request in [
                person.request("GET", "/api/user/me"),
                person.request("GET", "/api/chatroom"),
                person.message(&room, &unique("after the thaw")),
            ] {
                // So that there are sockets to fall silent.
                ask(&world, &request).await.context("before the freeze")?;
                if postgres {
                    world.postgres.silence_open();
                }
                if redis {
                    world.redis.silence_open();
                }
                sleep(FROZEN).await;
                let took =
                    ask(&world, &request).await.with_context(|| format!("after the thaw of {what}"))?;
                slowest = slowest.max(took);
                figure
                    .check(took < goal, || format!("{what}, round {round}: the next request took {took:?}"));
            }
        }
    }
    figure.recovery = Some(slowest);
    figure.seen.push(format!("the slowest next request took {} ms", slowest.as_millis()));
    Ok(figure)
}

/// How long a request takes, which succeeds.
async fn ask(world: &World, request: &Request) -> Result<Duration> {
    let begun = Instant::now();
    let answer = request.send(&world.lambda).await?;
    ensure!((200..300).contains(&answer.status), "{}: {}", answer.status, answer.body);
    Ok(begun.elapsed())
}
