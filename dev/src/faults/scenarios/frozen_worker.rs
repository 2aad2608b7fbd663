//! Workers that stand still in the middle of a call, are overtaken when their lease is over, and then go on.

use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::future::try_join_all;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::faults::figure::Figure;
use crate::faults::person::{Person, Sent, unique};
use crate::faults::world::World;
use crate::faults::{Suite, verify};

/// How long anything here may take.
const PATIENCE: Duration = Duration::from_mins(2);

pub(super) async fn run(suite: &Suite) -> Result<Figure> {
    let workers: usize = suite.scale.of(20, 3);
    let world = World::start(suite, "frozen-worker", &[]).await?;
    let person = Person::sign_up(&world).await?;
    let frozen = (0..workers).map(|_| freeze_and_overtake(&world, &person));
    let sent = try_join_all(frozen).await?;

    let mut figure = Figure::new(format!(
        "{workers} workers stopped by SIGSTOP in the Gemini call, overtaken, and resumed with an answer of their own"
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
    let steps = json!([
        {"kind": "answer", "text": "late", "delay_ms": 700},
        {"kind": "answer", "text": "in time"},
    ]);
    world.tell_gemini("script", &json!({"match": text, "steps": steps})).await?;
    let sent = person.send_text(world, &room, &text).await?;
    let delivery = world.delivery_of(&sent)?;
    let worker = world.lambda.instance("worker", &[])?;
    let freeze = async {
        while world.gemini.calls(&text) == 0 {
            sleep(Duration::from_millis(10)).await;
        }
        worker.handle().freeze();
        overtake(world, &delivery, &sent).await?;
        worker.handle().resume();
        anyhow::Ok(())
    };
    let finish = timeout(PATIENCE, worker.invoke(delivery.clone()));
    let (finished, overtaken) = tokio::join!(finish, timeout(PATIENCE, freeze));
    overtaken.context("nobody took over")??;
    finished.context("the worker did not go on")?.context("the worker went on and failed")?;
    Ok(sent)
}

/// Delivers the message to others until one has answered it.
async fn overtake(world: &World, delivery: &Value, sent: &Sent) -> Result<()> {
    let state = "SELECT processing_status FROM messages WHERE id = $1";
    while world.db.query_one(state, &[&sent.id]).await?.get::<_, String>(0) != "completed" {
        world.lambda.invoke("worker", delivery.clone()).await?;
        sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}
