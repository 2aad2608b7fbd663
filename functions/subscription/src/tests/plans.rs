//! The list of plans and their prices.

use std::time::Duration;

use serde_json::{Value, json};

use super::start;

async fn plans(app: &testkit::TestApp) -> Value {
    app.event("subscription-plans", None, None).send().await.expect(200).body["plans"].clone()
}

#[tokio::test]
async fn plans_show_their_features_and_their_price_at_stripe() {
    let app = start().await;
    // A price that other tests cached is older than ten minutes now.
    app.advance(Duration::from_mins(11));
    let plans = plans(&app).await;
    assert_eq!(plans[0]["id"], "basic");
    assert_eq!((&plans[0]["price"], &plans[0]["limits"]["daily_messages"]), (&json!(0.0), &json!(5)));
    let pro = &plans[1];
    assert_eq!((&pro["id"], &pro["name"], &pro["price"]), (&json!("pro"), &json!("Pro"), &json!(14.99)));
    assert_eq!(
        (&pro["currency"], &pro["unit_amount"], &pro["interval"]),
        (&json!("USD"), &json!(1_499), &json!("month"))
    );
    assert_eq!(pro["features"][0], "1000 messages a day");
}

#[tokio::test]
async fn price_is_cached_and_outlives_a_stripe_outage() {
    let app = testkit::TestApp::serving(crate::routes()).start().await;
    app.advance(Duration::from_hours(24));
    let (first, down) = (plans(&app).await, json!({ "fault": "status", "status": 500 }));
    app.stripe_faults(json!([down, down])).await;
    assert_eq!(plans(&app).await, first, "the price is cached");
    app.advance(Duration::from_hours(24));
    assert_eq!(plans(&app).await, first, "the old price is shown");
    let unknown =
        testkit::TestApp::serving(crate::routes()).var("STRIPE_PRICE_ID", "price_of_nothing").start().await;
    let response = unknown.request("GET", "/api/subscription/plans").send().await;
    let _ = response.expect_problem(500, "internal");
}
