//! One message that cannot be answered, among others that can.

use std::time::Duration;

use anyhow::Result;
use harness::Suite;
use harness::person::{Person, unique};
use harness::world::World;
use serde_json::json;

use crate::figure::Figure;
use crate::verify;

const MESSAGES: usize = 10;

pub(super) async fn run(suite: &Suite) -> Result<Figure> {
    let world = World::start(suite, "poison", &[]).await?;
    let person = Person::sign_up(&world).await?;
    let rooms = person.rooms(&world, MESSAGES).await?;
    let poison = unique("poison");
    let overloaded = json!({"match": poison, "steps": [{"kind": "error", "status": 503}], "forever": true});
    world.tell_gemini("script", &overloaded).await?;
    let bad = person.send_text(&world, &rooms[0], &poison).await?;
    let mut good = Vec::new();
    for room in &rooms[1..] {
        good.push(person.send(&world, room).await?);
    }
    world.start_worker().await?;
    world.wait_until_all_ended(Duration::from_mins(1)).await?;

    let mut figure = Figure::new(format!("1 message in {MESSAGES} that Gemini answers by a 503 each time"));
    verify::answered(&world, &good, &mut figure).await?;
    let state = "SELECT concat_ws(' ', processing_status, error_code, attempts) FROM messages WHERE id = $1";
    let failed: String = world.db.query_one(state, &[&bad.id]).await?.get(0);
    figure.check(failed == "failed gemini_overloaded 3", || format!("the bad one is {failed}"));
    let calls = world.gemini.calls(&poison);
    figure.check(calls == 3, || format!("it was asked for {calls} times, not 3"));

    world.forget_scripts().await?;
    let admin = person.make_admin(&world).await?;
    let redriven = admin
        .request("POST", "/api/queue/redrive")
        .json(&json!({}))
        .send(&world.lambda)
        .await?
        .expect(200)?;
    figure.check(redriven.body["redriven"] == 1, || format!("a redrive took {}", redriven.body));
    world.wait_until_all_ended(Duration::from_mins(1)).await?;
    let answered: String = world.db.query_one(state, &[&bad.id]).await?.get(0);
    figure.check(answered == "completed 1", || format!("after the redrive the bad one is {answered}"));
    figure.seen.push("redriven once the cause was gone, it was answered".to_owned());
    Ok(figure)
}
