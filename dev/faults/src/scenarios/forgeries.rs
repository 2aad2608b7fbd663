//! Webhooks that are not Stripe's, or not any more, or not in its words.

use anyhow::{Context as _, Result};
use harness::Suite;
use harness::person::Person;
use harness::world::World;
use serde_json::{Value, json};

use crate::figure::Figure;

/// Twelve headers, and one body.
const FORGERIES: [&str; 13] = [
    "unsigned",
    "empty",
    "nonsense",
    "other_secret",
    "no_secret",
    "other_body",
    "cut_short",
    "other_scheme",
    "timeless",
    "other_time",
    "stale",
    "future",
    "reserialised",
];

pub(super) async fn run(suite: &Suite) -> Result<Figure> {
    let world = World::start(suite, "forgeries", &[]).await?;
    world.stripe("POST", "/_control/delivery", &json!({ "hold": true })).await?;
    let person = Person::sign_up(&world).await?;
    // They have paid, so that each of these would make them a Pro, were it believed.
    person.pay(&world).await?;
    let events = world.stripe("GET", "/_control/events", &Value::Null).await?;
    let event = events.as_array().and_then(|all| all.last()).context("no events")?["id"].clone();
    let (before, read_before) = (everything(&world).await?, reads(&world).await?);

    let mut figure =
        Figure::new(format!("{} forged headers, and the same JSON in another spelling", FORGERIES.len() - 1));
    for forgery in FORGERIES {
        let sending = json!([{ "event": event, "forge": forgery }]);
        let delivered = world.stripe("POST", "/_control/deliveries", &sending).await?;
        figure.check(delivered[0]["status"] == 400, || format!("{forgery}: {}", delivered[0]["status"]));
    }
    figure.check(everything(&world).await? == before, || "something was written".to_owned());
    figure.check(reads(&world).await? == read_before, || "Stripe was asked".to_owned());
    figure.seen.push("0 rows changed, 0 questions to Stripe".to_owned());
    // The same event, as it is.
    let delivered = world.stripe("POST", "/_control/deliveries", &json!([{ "event": event }])).await?;
    let believed = delivered[0]["status"] == 200 && everything(&world).await? != before;
    figure.check(believed, || format!("the genuine one: {}", delivered[0]["status"]));
    Ok(figure)
}

async fn reads(world: &World) -> Result<Value> {
    world.stripe("GET", "/_control/calls", &Value::Null).await
}

async fn everything(world: &World) -> Result<String> {
    const SQL: &str = "SELECT md5(string_agg(line, ';' ORDER BY line)) FROM
        (SELECT u::text AS line FROM users u UNION ALL SELECT s::text FROM subscriptions s) lines";
    Ok(world.db.query_one(SQL, &[]).await?.get(0))
}
