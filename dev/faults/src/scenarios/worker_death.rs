//! Workers killed at five points of their work. What they were handed is handed to others.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use harness::Suite;
use harness::person::{Person, Sent, unique};
use harness::victim::{CLAIM, COMPLETE, DONE, Victim, reached};
use harness::world::World;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::figure::Figure;
use crate::verify;

/// How many die at once.
const AT_ONCE: usize = 4;
/// The size of a batch that dies in its middle.
const BATCH: usize = 10;
/// How many of it are answered by then. The calls of the others are under way and will be made again: one each.
const ANSWERED: i64 = 8;

#[derive(Debug, Clone, Copy)]
enum Point {
    BeforeTheClaim,
    InTheCall,
    BeforeTheCommit,
    AfterTheCommit,
}

pub(super) async fn run(suite: &Suite) -> Result<Figure> {
    let each = suite.scale.of(20, 2);
    let world = World::start(suite, "worker-death", &[]).await?;
    // What the dead were handed comes back when we say so.
    world.set_visibility_timeout(600).await?;
    let person = Person::sign_up(&world).await?;
    let points = [Point::BeforeTheClaim, Point::InTheCall, Point::BeforeTheCommit, Point::AfterTheCommit];
    let deaths: Vec<Point> = points.into_iter().flat_map(|point| vec![point; each]).collect();
    let kills = deaths.len() + each;

    let singles = deaths.into_iter().map(|point| die(&world, &person, point));
    let mut dead: Vec<Death> = stream::iter(singles).buffer_unordered(AT_ONCE).try_collect().await?;
    for _ in 0..each {
        dead.push(die_in_a_batch(&world, &person).await?);
    }

    let items: Vec<Value> = dead.iter().flat_map(|death| death.items.clone()).collect();
    world.give_back(&items).await?;
    world.set_visibility_timeout(4).await?;
    world.start_worker().await?;
    let recovery = world.wait_until_all_ended(Duration::from_mins(3)).await?;

    let sent: Vec<Sent> = dead.into_iter().flat_map(|death| death.sent).collect();
    let mut figure = Figure::new(format!(
        "{kills} SIGKILLs: {each} each before the claim, in the Gemini call, before the commit, after the commit, in a batch \
         of {BATCH}"
    ));
    figure.recovery = Some(recovery);
    verify::answered(&world, &sent, &mut figure).await?;
    let extra = figure.extra_calls;
    figure.check(extra <= kills, || format!("{extra} extra calls to Gemini, more than {kills}"));
    Ok(figure)
}

/// What a dead worker was handed.
struct Death {
    items: Vec<Value>,
    sent: Vec<Sent>,
}

/// A worker that dies at `point` of its work on one message.
async fn die(world: &World, person: &Person, point: Point) -> Result<Death> {
    let room = person.room(world).await?;
    let text = unique("message");
    if matches!(point, Point::InTheCall) {
        let slowly = json!({"match": text, "steps": [{"kind": "answer", "delay_ms": 1_500}]});
        world.tell_gemini("script", &slowly).await?;
    }
    let sent = person.send_text(world, &room, &text).await?;
    let items = vec![take(world, &sent).await?];
    let victim = Victim::of(world, "worker").await?;
    let delivery = world.delivery(&items)?;
    match point {
        Point::BeforeTheClaim => victim.die_at(delivery, reached(victim.hold_postgres(&[CLAIM]))).await,
        Point::InTheCall => victim.die_at(delivery, asked(world, &sent)).await,
        Point::BeforeTheCommit => victim.die_at(delivery, reached(victim.hold_postgres(&[COMPLETE]))).await,
        Point::AfterTheCommit => {
            victim.die_at(delivery, reached(victim.hold_postgres(&[COMPLETE, DONE]))).await?;
            let answered = status_of(world, &sent).await? == "completed";
            ensure!(answered, "{} was not committed when its worker died {point:?}", sent.id);
            Ok(())
        }
    }
    .with_context(|| format!("dying {point:?}"))?;
    Ok(Death { items, sent: vec![sent] })
}

/// A worker that dies when some messages of its batch are answered and others are not.
async fn die_in_a_batch(world: &World, person: &Person) -> Result<Death> {
    let rooms = person.rooms(world, BATCH).await?;
    let mut sent = Vec::new();
    for (place, room) in rooms.iter().enumerate() {
        let text = unique("message");
        let delay_ms = if i64::try_from(place)? < ANSWERED { 0 } else { 1_500 };
        let script = json!({"match": text, "steps": [{"kind": "answer", "delay_ms": delay_ms}]});
        world.tell_gemini("script", &script).await?;
        sent.push(person.send_text(world, room, &text).await?);
    }
    let items = try_join_all(sent.iter().map(|message| take(world, message))).await?;
    let victim = Victim::of(world, "worker").await?;
    let ids: Vec<uuid::Uuid> = sent.iter().map(|message| message.id).collect();
    let some_are_answered = async {
        const SQL: &str =
            "SELECT count(*) FROM messages WHERE id = ANY($1) AND processing_status = 'completed'";
        while world.db.query_one(SQL, &[&ids]).await?.get::<_, i64>(0) < ANSWERED {
            sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    };
    victim.die_at(world.delivery(&items)?, some_are_answered).await.context("dying in a batch")?;
    Ok(Death { items, sent })
}

/// Waits until Gemini was asked.
async fn asked(world: &World, sent: &Sent) -> Result<()> {
    while world.gemini.calls(&sent.text) == 0 {
        sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

async fn status_of(world: &World, sent: &Sent) -> Result<String> {
    let row = world.db.query_one("SELECT processing_status FROM messages WHERE id = $1", &[&sent.id]).await?;
    Ok(row.get(0))
}

/// Takes the item of a message off the queue; items of others that come first go back.
async fn take(world: &World, sent: &Sent) -> Result<Value> {
    let id = sent.id.to_string();
    for _ in 0..200 {
        for item in world.receive(1).await? {
            if item["Body"].as_str().is_some_and(|body| body.contains(&id)) {
                return Ok(item);
            }
            world.give_back(&[item]).await?;
        }
        sleep(Duration::from_millis(10)).await;
    }
    anyhow::bail!("the item of {id} does not come off the queue")
}
