//! Workers that stand still when they are about to store an answer, are overtaken when their lease is over, and then go on:
//! the message belongs to whoever overtook them.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use futures::future::try_join_all;
use harness::Suite;
use harness::person::{Person, Sent, unique};
use harness::victim::{COMPLETE, Victim, reached};
use harness::world::World;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::figure::Figure;
use crate::verify;

/// How long anything here may take.
const PATIENCE: Duration = Duration::from_mins(1);

pub(super) async fn run(suite: &Suite) -> Result<Figure> {
    let workers: usize = suite.scale.of(20, 3);
    // Long enough for those who take over to be in no hurry on a busy machine.
    let world = World::start(suite, "frozen-worker", &[("GEMINI_TIMEOUT_MS", "10000")]).await?;
    let person = Person::sign_up(&world).await?;
    let frozen = (0..workers).map(|_| freeze_and_overtake(&world, &person));
    let sent = try_join_all(frozen).await?;

    let mut figure = Figure::new(format!(
        "{workers} workers stopped by SIGSTOP with an answer in hand, and resumed when another had taken over"
    ));
    verify::answered(&world, &sent, &mut figure).await?;
    let extra = figure.extra_calls;
    figure.check(extra <= workers, || format!("{extra} extra calls to Gemini, more than {workers}"));
    let late = "SELECT count(*) FROM messages WHERE message_type = 'ai' AND content = 'late'";
    let late: i64 = world.db.query_one(late, &[]).await?.get(0);
    figure.check(late == 0, || format!("{late} answers came from a worker that had been overtaken"));
    Ok(figure)
}

async fn freeze_and_overtake(world: &World, person: &Person) -> Result<Sent> {
    let (room, text) = (person.room(world).await?, unique("message"));
    // Whoever takes over is still at it when the first one goes on.
    let steps = json!([
        {"kind": "answer", "text": "late"},
        {"kind": "answer", "text": "in time", "delay_ms": 4_000},
    ]);
    world.tell_gemini("script", &json!({"match": text, "steps": steps})).await?;
    let sent = person.send_text(world, &room, &text).await?;
    let delivery = world.delivery_of(&[sent.id])?;
    let first = Victim::of(world, "worker").await?;
    let about_to_store = first.hold_postgres(&[COMPLETE]);
    let overtaking = async {
        timeout(PATIENCE, reached(about_to_store)).await.context("it had nothing to store")??;
        first.instance.handle().freeze();
        let resuming = async {
            asked_twice(world, &text).await?;
            first.instance.handle().resume();
            anyhow::Ok(())
        };
        tokio::try_join!(overtake(world, &delivery, &sent), resuming)
    };
    let (finished, overtaken) = tokio::join!(first.instance.invoke(delivery.clone()), overtaking);
    overtaken.context("overtaking")?;
    finished.context("the worker went on and failed")?;
    Ok(sent)
}

/// Waits until somebody else asks Gemini for the same.
async fn asked_twice(world: &World, text: &str) -> Result<()> {
    let twice = async {
        while world.gemini.calls(text) < 2 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, twice).await.context("nobody took over")
}

/// Delivers the message to others until one has answered it.
async fn overtake(world: &World, delivery: &Value, sent: &Sent) -> Result<()> {
    let state = "SELECT processing_status FROM messages WHERE id = $1";
    for _ in 0..PATIENCE.as_secs() * 2 {
        world.lambda.invoke("worker", delivery.clone()).await?;
        if world.db.query_one(state, &[&sent.id]).await?.get::<_, String>(0) == "completed" {
            return Ok(());
        }
        sleep(Duration::from_millis(500)).await;
    }
    bail!("{} was not answered by another within {PATIENCE:?}", sent.id)
}
