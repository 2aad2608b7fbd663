//! Webhooks that Stripe did not send, that are outdated, or whose body was serialised again.

use crate::prelude::*;

/// Twelve forged headers and one changed body.
const FORGERIES: &str = "unsigned empty nonsense other_secret no_secret other_body cut_short other_scheme timeless \
                         other_time stale future reserialised";

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let run = Run::start(suite, "forgeries", &[]).await?;
    run.mocks.stripe("POST", "/_control/delivery", &json!({ "hold": true })).await?;
    let user = TestUser::sign_up(&run).await?;
    // The user has paid: a forged event, if accepted, would move the user to Pro.
    run.pay_for_pro(&user).await?;
    let event = run.mocks.stripe_events().await?.pop().context("no events")?["id"].take();
    let (before, calls_before) = (stored(&run).await?, calls(&run).await?);

    for forgery in FORGERIES.split(' ') {
        let delivery = json!([{ "event": event, "forge": forgery }]);
        let delivered = run.mocks.stripe("POST", "/_control/deliveries", &delivery).await?;
        check!(run, delivered[0]["status"] == 400, "{forgery}: {}", delivered[0]["status"]);
    }
    check!(run, stored(&run).await? == before, "a row was changed");
    check!(run, calls(&run).await? == calls_before, "Stripe was called");
    run.observe("0 rows changed, 0 calls to Stripe");
    // The same event, genuine.
    let delivered = run.mocks.stripe("POST", "/_control/deliveries", &json!([{ "event": event }])).await?;
    let is_accepted = delivered[0]["status"] == 200 && stored(&run).await? != before;
    check!(run, is_accepted, "the genuine event: {}", delivered[0]["status"]);
    run.done("12 forged headers, and the same JSON serialised differently")
}

async fn calls(run: &Run) -> Result<Value> {
    run.mocks.stripe("GET", "/_control/calls", &Value::Null).await
}

async fn stored(run: &Run) -> Result<String> {
    const SQL: &str = "SELECT md5(string_agg(line, ';' ORDER BY line)) FROM
        (SELECT u::text AS line FROM users u UNION ALL SELECT s::text FROM subscriptions s) lines";
    run.db.value(SQL, &[]).await
}
