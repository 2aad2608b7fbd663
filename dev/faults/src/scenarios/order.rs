//! Conversations while Gemini fails every so often and workers are killed.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::future::try_join_all;
use harness::Suite;
use harness::person::{Person, Sent};
use harness::world::World;
use serde_json::json;
use tokio::time::sleep;

use crate::figure::Figure;
use crate::verify;

/// How often a worker is killed while messages are answered.
const KILL_EVERY: Duration = Duration::from_millis(700);

pub(super) async fn run(suite: &Suite) -> Result<Figure> {
    let (rooms, messages, kills, lost) = suite.scale.of((50, 20, 20, 10), (6, 5, 3, 2));
    // Faults that come twice to one message are no reason to give it up here: that would hide an order that is wrong.
    let overrides = [("MESSAGE_MAX_ATTEMPTS", "10"), ("GEMINI_BREAKER_FAILURES", "1000")];
    let world = World::start(suite, "order", &overrides).await?;
    // Every seventh call or so fails, in one of three ways; the others take a while.
    let slowly = json!({"kind": "answer", "delay_ms": 300});
    let faults =
        [json!({"kind": "error", "status": 503}), json!({"kind": "cut"}), json!({"kind": "garbage"})];
    let steps: Vec<_> =
        faults.iter().flat_map(|fault| [vec![slowly.clone(); 6], vec![fault.clone()]].concat()).collect();
    world.tell_gemini("script", &json!({"steps": steps, "forever": true})).await?;
    let person = Person::sign_up(&world).await?;
    let ids = person.rooms(&world, rooms).await?;
    let mut unheard_of = Vec::with_capacity(lost);
    for room in &ids[..lost] {
        unheard_of.push(lose(&world, &person, room).await?);
    }
    world.start_worker().await?;

    let chats = async {
        let sent = try_join_all(ids.iter().map(|room| chat(&world, &person, room, messages))).await?.concat();
        let recovery = world.wait_until_all_ended(Duration::from_mins(8)).await?;
        anyhow::Ok((sent, recovery))
    };
    let killed = AtomicUsize::new(0);
    let killing = async {
        loop {
            sleep(KILL_EVERY).await;
            if killed.load(Ordering::Relaxed) < kills && world.lambda.kill_busy("worker").await {
                killed.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    let (sent, recovery) = tokio::select! { done = chats => done?, never = killing => never };

    let sent = [unheard_of, sent].concat();
    let mut figure = Figure::new(format!(
        "{rooms} rooms of {messages} messages, every 7th call failing, the first delivery of {lost} rooms lost"
    ));
    let killed = killed.into_inner();
    figure.check(killed == kills, || {
        format!("{killed} of {kills} workers were killed: the rest found none at work")
    });
    figure.seen.push(format!("{killed} workers killed at work"));
    figure.recovery = Some(recovery);
    verify::answered(&world, &sent, &mut figure).await?;
    let inversions = verify::inversions(&world).await?;
    figure.check(inversions == 0, || format!("{inversions} answers out of order"));
    figure.seen.push(format!("{inversions} inversions"));
    Ok(figure)
}

/// Sends a message whose item is lost on its way to the worker.
async fn lose(world: &World, person: &Person, room: &str) -> Result<Sent> {
    let sent = person.send(world, room).await?;
    let item = world.receive(1).await?.pop().context("the message is not on the queue")?;
    world.delete(&item).await?;
    Ok(sent)
}

async fn chat(world: &World, person: &Person, room: &str, messages: usize) -> Result<Vec<Sent>> {
    let mut sent = Vec::with_capacity(messages);
    for _ in 0..messages {
        sent.push(person.send(world, room).await?);
    }
    Ok(sent)
}
