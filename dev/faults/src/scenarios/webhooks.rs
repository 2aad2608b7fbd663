//! The five events of a subscription, delivered in every order and three times each; then
//! subscriptions whose events are delivered as they happen. In the end every user is on the plan
//! that Stripe has.

use std::fs;

use crate::prelude::*;

const ORDERS: usize = 120;
const DELIVERIES: usize = 3;
const GOAL: Duration = Duration::from_secs(1);
const MAX_WAIT: Duration = Duration::from_secs(30);

/// A user's plan and the status of the subscription.
type Plan = (String, String);

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let orders = suite.scale.of(ORDERS, 4);
    let run = Run::start(suite, "webhooks", &[]).await?;
    let mut times: Vec<Duration> = Vec::new();
    for number in 0..orders {
        // A few orders are spread over all of them.
        let order = permutation(number * ORDERS / orders);
        times.extend(deliver_in_order(&run, number, &order).await?);
    }
    times.sort_unstable();
    let p99 = times.get(times.len() * 99 / 100).copied().context("nothing was delivered")?;
    let goal = suite.time_limit(GOAL);
    check!(run, p99 < goal, "acknowledged within {p99:?} at p99, not {goal:?}");
    run.observe(format!(
        "{} deliveries, acknowledged within {:.0} ms at p99",
        times.len(),
        p99.as_secs_f64() * 1e3
    ));
    let subscriptions = suite.scale.of(40, 12);
    deliver_at_once(&run, subscriptions).await?;
    run.observe(format!(
        "{subscriptions} subscriptions whose events were delivered at once, Stripe's answers delayed, and all of them again at the end"
    ));
    run.done(format!("{orders} orders of the 5 events of a subscription, each event {DELIVERIES} times"))
}

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

/// Ends a subscription at once or, for odd numbers, with its period; returns the expected plan.
async fn end(run: &Run, number: usize, subscription: &str) -> Result<Plan> {
    let path = format!("/_control/subscriptions/{subscription}");
    if number.is_multiple_of(2) {
        run.mocks.stripe("POST", &format!("{path}/give_up"), &Value::Null).await?;
        return Ok(("basic".to_owned(), "canceled".to_owned()));
    }
    run.mocks.stripe("POST", &path, &json!({ "cancel_at_period_end": true })).await?;
    Ok(("pro".to_owned(), "active".to_owned()))
}

/// Delivers the events of one subscription in this order, once all have happened.
async fn deliver_in_order(run: &Run, number: usize, order: &[usize]) -> Result<Vec<Duration>> {
    run.mocks.stripe("POST", "/_control/delivery", &json!({ "hold": true })).await?;
    let user = TestUser::sign_up(run).await?;
    let subscription = run.pay_for_pro(&user).await?;
    let expected = end(run, number, &subscription).await?;
    let is_of_subscription =
        |event: &Value| event["payload"].as_str().is_some_and(|payload| payload.contains(&subscription));
    let mut events = run.mocks.stripe_events().await?;
    events.retain(is_of_subscription);
    ensure!(events.len() == 5, "{} events of a subscription", events.len());
    let deliveries: Vec<Value> =
        order.iter().map(|&place| json!({ "event": events[place]["id"], "times": DELIVERIES })).collect();
    let delivered = run.mocks.stripe("POST", "/_control/deliveries", &json!(deliveries)).await?;
    let delivered = delivered.as_array().context("nothing was delivered")?;
    check!(run, delivered.iter().all(|one| one["status"] == 200), "{order:?}: {delivered:?}");
    let plan = plan(run, &user).await?;
    check!(run, plan == expected, "{order:?}: {plan:?}, not {expected:?}");
    let time = |one: &Value| Some(Duration::from_secs_f64(one["ms"].as_f64()? / 1e3));
    Ok(delivered.iter().filter_map(time).collect())
}

async fn plan(run: &Run, user: &TestUser) -> Result<Plan> {
    const SQL: &str = "SELECT u.subscription_tier, coalesce(s.status, '') FROM users u
        LEFT JOIN subscriptions s ON s.user_id = u.id WHERE u.mobile_number = $1";
    let row = run.db.query_one(SQL, &[&user.number]).await?;
    Ok((row.get(0), row.get(1)))
}

/// The number of webhooks answered by a 200: at least one for each event that was delivered.
fn acknowledged(run: &Run) -> Result<usize> {
    let log = fs::read_to_string(run.home.log("webhook")).context("reading the log of webhook")?;
    Ok(log.matches("\"status\":200").count())
}

/// Delivers events when they happen: two of one subscription are processed concurrently, and the
/// later must win.
async fn deliver_at_once(run: &Run, subscriptions: usize) -> Result<()> {
    let (before, acknowledged_before) = (run.mocks.stripe_events().await?.len(), acknowledged(run)?);
    run.mocks.stripe("POST", "/_control/delivery", &json!({ "hold": false })).await?;
    // Stripe's answers are outdated when they arrive: an older answer must not replace a newer one.
    let slow: Vec<Value> =
        (0..subscriptions * 60).map(|number| json!({ "fault": "slow", "ms": number * 97 % 250 })).collect();
    run.mocks.stripe("POST", "/_control/faults", &json!(slow)).await?;
    let subscribe_and_end = async |number: usize| -> Result<_> {
        let user = TestUser::sign_up(run).await?;
        let subscription = run.pay_for_pro(&user).await?;
        for status in ["past_due", "active", "unpaid", "active"] {
            let path = format!("/_control/subscriptions/{subscription}");
            run.mocks.stripe("POST", &path, &json!({ "status": status })).await?;
            // The pace of the events: each status lasts long enough to be read.
            sleep(Duration::from_millis(60)).await;
        }
        Ok((user, end(run, number, &subscription).await?))
    };
    // A few at a time, so that events are processed while others happen.
    let users: Vec<_> =
        stream::iter(0..subscriptions).map(subscribe_and_end).buffer_unordered(3).try_collect().await?;
    let expected = acknowledged_before + run.mocks.stripe_events().await?.len() - before;
    // Both conditions: an event may be acknowledged twice, and a plan may be right before the last
    // event.
    let is_done = async || {
        let mut are_right = true;
        for (user, expected) in &users {
            are_right &= plan(run, user).await? == *expected;
        }
        Ok(are_right && acknowledged(run)? >= expected)
    };
    let done = wait_until("all events are acknowledged and every plan is right", MAX_WAIT, is_done).await;
    if let Err(error) = done {
        check!(run, false, "{error:#}");
    }
    check_plans(run, &users, "at once").await?;
    run.mocks.stripe("POST", "/_control/faults", &json!([])).await?;
    // All events again, the latest first.
    let events = run.mocks.stripe_events().await?;
    let again: Vec<Value> =
        events.iter().skip(before).rev().map(|event| json!({ "event": event["id"] })).collect();
    run.mocks.stripe("POST", "/_control/deliveries", &json!(again)).await?;
    check_plans(run, &users, "again").await
}

async fn check_plans(run: &Run, users: &[(TestUser, Plan)], when: &str) -> Result<()> {
    for (user, expected) in users {
        let plan = plan(run, user).await?;
        check!(run, plan == *expected, "{when}: {plan:?}, not {expected:?}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn permutations_are_all_different() {
        let all: BTreeSet<Vec<usize>> = (0..ORDERS).map(permutation).collect();
        assert_eq!(all.len(), ORDERS);
        assert!(all.iter().all(|order| order.iter().collect::<BTreeSet<_>>().len() == 5));
    }
}
