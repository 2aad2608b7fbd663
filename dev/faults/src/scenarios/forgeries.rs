//! Webhooks that Stripe did not send, that are outdated, or whose body was serialised again.

use anyhow::{Context as _, Result};
use harness::{Suite, TestEnvironment, TestUser};
use serde_json::{Value, json};

use crate::ScenarioResult;

/// Twelve forged headers and one changed body.
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

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let env = TestEnvironment::start(suite, "forgeries", &[]).await?;
    env.mocks.stripe("POST", "/_control/delivery", &json!({ "hold": true })).await?;
    let user = TestUser::sign_up(&env).await?;
    // The user has paid: a forged event, if accepted, would move the user to Pro.
    env.pay_for_pro(&user).await?;
    let event = env.mocks.stripe_events().await?.pop().context("no events")?["id"].take();
    let (before, calls_before) = (stored(&env).await?, calls(&env).await?);

    let mut result = ScenarioResult::new(format!(
        "{} forged headers, and the same JSON serialised differently",
        FORGERIES.len() - 1
    ));
    for forgery in FORGERIES {
        let delivery = json!([{ "event": event, "forge": forgery }]);
        let delivered = env.mocks.stripe("POST", "/_control/deliveries", &delivery).await?;
        result.check(delivered[0]["status"] == 400, || format!("{forgery}: {}", delivered[0]["status"]));
    }
    result.check(stored(&env).await? == before, || "a row was changed".to_owned());
    result.check(calls(&env).await? == calls_before, || "Stripe was called".to_owned());
    result.observe("0 rows changed, 0 calls to Stripe");
    // The same event, genuine.
    let delivered = env.mocks.stripe("POST", "/_control/deliveries", &json!([{ "event": event }])).await?;
    let is_accepted = delivered[0]["status"] == 200 && stored(&env).await? != before;
    result.check(is_accepted, || format!("the genuine event: {}", delivered[0]["status"]));
    Ok(result)
}

async fn calls(env: &TestEnvironment) -> Result<Value> {
    env.mocks.stripe("GET", "/_control/calls", &Value::Null).await
}

/// A digest of users and subscriptions.
async fn stored(env: &TestEnvironment) -> Result<String> {
    const SQL: &str = "SELECT md5(string_agg(line, ';' ORDER BY line)) FROM
        (SELECT u::text AS line FROM users u UNION ALL SELECT s::text FROM subscriptions s) lines";
    env.db.value(SQL, &[]).await
}
