//! A Gemini that enforces its quota, and more messages than a minute allows.

use std::time::Duration;

use anyhow::Result;
use harness::Suite;
use harness::person::{Person, Sent};
use harness::world::World;
use serde_json::json;
use tokio::time::sleep;

use crate::figure::Figure;
use crate::verify;

/// What Gemini allows a minute. A message of ours has about 11 tokens as it counts: of requests there are too few.
const REQUESTS: usize = 30;
const TOKENS: usize = 2_000;

/// The pause between two messages: they come three times as fast as the quota allows, and more.
const PACE: Duration = Duration::from_millis(100);

pub(super) async fn run(suite: &Suite) -> Result<Figure> {
    let messages: usize = suite.scale.of(REQUESTS * 3, REQUESTS + 6);
    let (requests, tokens) = (REQUESTS.to_string(), TOKENS.to_string());
    let overrides =
        [("GEMINI_REQUESTS_PER_MINUTE", requests.as_str()), ("GEMINI_TOKENS_PER_MINUTE", tokens.as_str())];
    let world = World::start(suite, "gemini-quota", &overrides).await?;
    let quota = json!({ "requests_per_minute": REQUESTS, "tokens_per_minute": TOKENS });
    world.tell_gemini("quota", &quota).await?;
    let person = Person::sign_up(&world).await?;
    let rooms = person.rooms(&world, messages).await?;
    world.start_worker().await?;
    // One after the other: a burst that a busy machine holds up for seconds would be seen by Gemini in another minute.
    let mut sent: Vec<Sent> = Vec::with_capacity(messages);
    for room in &rooms {
        sent.push(person.send(&world, room).await?);
        sleep(PACE).await;
    }
    let took = world.wait_until_all_ended(Duration::from_mins(6)).await?;

    let mut figure =
        Figure::new(format!("{messages} messages, 5 workers, {REQUESTS} requests a minute allowed"));
    verify::answered(&world, &sent, &mut figure).await?;
    let over = world.gemini.calls_over_quota();
    figure.check(over == 0, || format!("{over} calls were over the quota"));
    let tried = "SELECT count(*) FROM messages WHERE message_type = 'user' AND attempts <> 1";
    let tried: i64 = world.db.query_one(tried, &[]).await?.get(0);
    figure.check(tried == 0, || format!("{tried} messages did not take exactly one attempt"));
    let waited = "SELECT count(*) FROM messages WHERE waiting_since IS NOT NULL";
    let waited: i64 = world.db.query_one(waited, &[]).await?.get(0);
    figure.check(waited > 0, || "nobody had to wait: the quota was not put to the test".to_owned());
    figure.seen.push(format!(
        "{over} calls over, {waited} messages waited, {tried} attempts used up by it, done in {:.0} s",
        took.as_secs_f64()
    ));
    Ok(figure)
}
