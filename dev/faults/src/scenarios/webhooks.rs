//! A life of five events, in every order, each event three times; then lives that go on while their events come, old ones
//! among them. However that is, people end on the plan that Stripe has them pay for.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use harness::Suite;
use harness::person::Person;
use harness::world::World;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::figure::Figure;

/// How many orders five events can come in.
const ORDERS: usize = 120;
/// How often each comes.
const TIMES: usize = 3;
/// How soon Stripe wants to be answered.
const ACKNOWLEDGED: Duration = Duration::from_secs(1);
/// How long events may take that nobody holds.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn run(suite: &Suite) -> Result<Figure> {
    let orders = suite.scale.of(ORDERS, 4);
    let world = World::start(suite, "webhooks", &[]).await?;
    let mut figure = Figure::new(format!("{orders} orders of a life of 5 events, each event {TIMES} times"));
    let mut waits: Vec<Duration> = Vec::new();
    for number in 0..orders {
        // Orders far from each other where there are few.
        let order = permutation(number * ORDERS / orders);
        waits.extend(held_life(&world, number, &order, &mut figure).await?);
    }
    waits.sort_unstable();
    let p99 = waits.get(waits.len() * 99 / 100).copied().context("nothing was delivered")?;
    let goal = suite.within(ACKNOWLEDGED);
    figure.check(p99 < goal, || format!("acknowledged within {p99:?} at p99, not {goal:?}"));
    figure.seen.push(format!(
        "{} deliveries, acknowledged within {:.0} ms at p99",
        waits.len(),
        p99.as_secs_f64() * 1e3
    ));
    let lives = suite.scale.of(40, 12);
    live_lives(&world, lives, &mut figure).await?;
    figure.seen.push(format!(
        "{lives} lives whose events came as they happened, Stripe's answers late, and all of them once more at the end"
    ));
    Ok(figure)
}

/// The `number`th of all orders of five things.
fn permutation(mut number: usize) -> Vec<usize> {
    let mut left: Vec<usize> = (0..5).collect();
    let mut order = Vec::new();
    for remaining in (1..=5).rev() {
        let (place, rest) = (number % remaining, number / remaining);
        order.push(left.remove(place));
        number = rest;
    }
    order
}

/// Somebody who has paid, and their subscription's id.
async fn payer(world: &World) -> Result<(Person, String)> {
    let person = Person::sign_up(world).await?;
    let subscription = person.pay(world).await?;
    Ok((person, subscription))
}

/// Ends a subscription, or has it end with its period: by turns.
async fn turn(world: &World, number: usize, subscription: &str) -> Result<(&'static str, &'static str)> {
    if number.is_multiple_of(2) {
        world
            .stripe("POST", &format!("/_control/subscriptions/{subscription}/give_up"), &Value::Null)
            .await?;
        return Ok(("basic", "canceled"));
    }
    let fields = json!({ "cancel_at_period_end": true });
    world.stripe("POST", &format!("/_control/subscriptions/{subscription}"), &fields).await?;
    Ok(("pro", "active"))
}

/// The events of one subscription that tell of it, the oldest first.
async fn events_of(world: &World, subscription: &str) -> Result<Vec<String>> {
    let events = world.stripe("GET", "/_control/events", &Value::Null).await?;
    let tells =
        |event: &&Value| event["payload"].as_str().is_some_and(|payload| payload.contains(subscription));
    let events = events.as_array().context("no events")?.iter().filter(tells);
    Ok(events.filter_map(|event| event["id"].as_str().map(str::to_owned)).collect())
}

/// One life, whose events come in this order once it is over.
async fn held_life(
    world: &World,
    number: usize,
    order: &[usize],
    figure: &mut Figure,
) -> Result<Vec<Duration>> {
    world.stripe("POST", "/_control/delivery", &json!({ "hold": true })).await?;
    let (person, subscription) = payer(world).await?;
    let expected = turn(world, number, &subscription).await?;
    let events = events_of(world, &subscription).await?;
    ensure!(events.len() == 5, "a life of {} events", events.len());
    let sendings: Vec<Value> =
        order.iter().map(|&place| json!({ "event": events[place], "times": TIMES })).collect();
    let delivered = world.stripe("POST", "/_control/deliveries", &json!(sendings)).await?;
    let delivered = delivered.as_array().context("nothing was delivered")?;
    figure.check(delivered.iter().all(|one| one["status"] == 200), || format!("{order:?}: {delivered:?}"));
    let seen = standing(world, &person).await?;
    figure.check((seen.0.as_str(), seen.1.as_str()) == expected, || {
        format!("{order:?}: {seen:?}, not {expected:?}")
    });
    let took = |one: &Value| Some(Duration::from_secs_f64(one["ms"].as_f64()? / 1e3));
    Ok(delivered.iter().filter_map(took).collect())
}

/// The plan and the subscription's status.
async fn standing(world: &World, person: &Person) -> Result<(String, String)> {
    const SQL: &str = "SELECT u.subscription_tier, coalesce(s.status, '') FROM users u
        LEFT JOIN subscriptions s ON s.user_id = u.id WHERE u.mobile_number = $1";
    let row = world.db.query_one(SQL, &[&person.number]).await?;
    Ok((row.get(0), row.get(1)))
}

/// Whether that is `expected`.
async fn stands(world: &World, person: &Person, expected: (&str, &str)) -> Result<bool> {
    let (tier, status) = standing(world, person).await?;
    Ok((tier.as_str(), status.as_str()) == expected)
}

/// Lives whose events come when they happen: two of one subscription are read and written at once, and the later wins.
async fn live_lives(world: &World, lives: usize, figure: &mut Figure) -> Result<()> {
    // What was held is not to come now.
    let before = world.stripe("GET", "/_control/events", &Value::Null).await?;
    let before = before.as_array().map_or(0, Vec::len);
    world.stripe("POST", "/_control/delivery", &json!({ "hold": false })).await?;
    // What Stripe says is old by the time that it arrives: who writes it down must not do so behind somebody who asked later.
    let slow: Vec<Value> =
        (0..lives * 60).map(|number| json!({ "fault": "slow", "ms": number * 97 % 250 })).collect();
    world.stripe("POST", "/_control/faults", &json!(slow)).await?;
    let live = async |number: usize| -> Result<_> {
        let (person, subscription) = payer(world).await?;
        for status in ["past_due", "active", "unpaid", "active"] {
            let path = format!("/_control/subscriptions/{subscription}");
            world.stripe("POST", &path, &json!({ "status": status })).await?;
            // So that each is read while it lasts.
            sleep(Duration::from_millis(60)).await;
        }
        Ok((person, turn(world, number, &subscription).await?))
    };
    // Few at a time, or their events would all come when they are over.
    let people: Vec<_> = stream::iter(0..lives).map(live).buffer_unordered(3).try_collect().await?;
    let begun = Instant::now();
    for (person, expected) in &people {
        while !stands(world, person, *expected).await? && begun.elapsed() < PATIENCE {
            sleep(Duration::from_millis(50)).await;
        }
    }
    // Whoever comes behind has come by now.
    sleep(Duration::from_secs(2)).await;
    for (person, expected) in &people {
        let seen = standing(world, person).await?;
        figure.check(stands(world, person, *expected).await?, || format!("live: {seen:?}, not {expected:?}"));
    }
    world.stripe("POST", "/_control/faults", &json!([])).await?;
    // All of it once more, the latest first.
    let events = world.stripe("GET", "/_control/events", &Value::Null).await?;
    let events = events.as_array().context("no events")?.iter().skip(before).rev();
    let again: Vec<Value> = events.map(|event| json!({ "event": event["id"] })).collect();
    world.stripe("POST", "/_control/deliveries", &json!(again)).await?;
    for (person, expected) in &people {
        let seen = standing(world, person).await?;
        figure.check((seen.0.as_str(), seen.1.as_str()) == *expected, || {
            format!("again: {seen:?}, not {expected:?}")
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_order_is_one_of_them() {
        let all: BTreeSet<Vec<usize>> = (0..ORDERS).map(permutation).collect();
        assert_eq!(all.len(), ORDERS);
        assert!(all.iter().all(|order| order.iter().collect::<BTreeSet<_>>().len() == 5));
    }
}
