//! PostgreSQL, then Redis, killed and started again while people send messages.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use harness::Suite;
use harness::person::{Person, Sent, unique};
use harness::world::World;
use stack::services::names;
use tokio::time::sleep;

use crate::figure::Figure;
use crate::verify;

const SENDERS: usize = 4;
/// A sender's pause between two messages.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a server is gone.
const OUTAGE: Duration = Duration::from_secs(3);
/// How long all is well before and after.
const PEACE: Duration = Duration::from_secs(2);

pub(super) async fn run(suite: &Suite) -> Result<Figure> {
    let rounds: usize = suite.scale.of(5, 1);
    let world = World::start(suite, "postgres-outage", &[]).await?;
    world.make_durable().await?;
    world.start_worker().await?;
    let people = try_join_all((0..SENDERS).map(|_| Person::sign_up(&world))).await?;
    let stop = AtomicBool::new(false);
    let senders = try_join_all(people.iter().map(|person| send_on(&world, person, &stop)));
    let breaking = async {
        sleep(PEACE).await;
        let processes = world.lambda.processes("chatroom");
        for _ in 0..rounds {
            world.kill_and_restart(names::POSTGRES, OUTAGE).await?;
            sleep(PEACE).await;
            world.kill_and_restart(names::REDIS, OUTAGE).await?;
            sleep(PEACE).await;
        }
        let ended = Instant::now();
        stop.store(true, Ordering::Relaxed);
        let same = world.lambda.processes("chatroom").is_superset(&processes);
        anyhow::Ok((ended, same))
    };
    let (sendings, (ended, same)) = tokio::try_join!(senders, breaking)?;
    world.wait_until_all_ended(Duration::from_mins(4)).await?;

    let mut figure = Figure::new(format!(
        "{rounds} SIGKILLs each of PostgreSQL and Redis, {} s away, {SENDERS} senders all the while",
        OUTAGE.as_secs()
    ));
    figure.recovery = Some(ended.elapsed());
    figure.check(same, || "a process of chatroom did not survive the outages".to_owned());
    let (mut sent, mut refused) = (Vec::new(), 0);
    for sending in sendings {
        sent.extend(sending.sent);
        refused += sending.refused;
        for wrong in sending.wrong {
            figure.check(false, || wrong);
        }
    }
    figure.check(refused > 0, || "no request met the outage".to_owned());
    figure.seen.push(format!("{} accepted, {refused} refused by 503 with Retry-After", sent.len()));
    verify::answered(&world, &sent, &mut figure).await?;
    Ok(figure)
}

/// What one sender met with.
#[derive(Default)]
struct Sending {
    sent: Vec<Sent>,
    refused: usize,
    wrong: Vec<String>,
}

async fn send_on(world: &World, person: &Person, stop: &AtomicBool) -> Result<Sending> {
    let room = person.room(world).await?;
    let mut sending = Sending::default();
    while !stop.load(Ordering::Relaxed) {
        let text = unique("message");
        let answer =
            person.message(&room, &text).send(&world.lambda).await.context("sending in an outage")?;
        match answer.status {
            201 => sending.sent.push(Sent::read(&answer, &text)?),
            503 if answer.headers.contains_key("retry-after") => sending.refused += 1,
            status => sending.wrong.push(format!("an outage was answered by {status} {}", answer.body)),
        }
        sleep(PAUSE).await;
    }
    ensure!(!sending.sent.is_empty(), "nothing was accepted at all");
    Ok(sending)
}
