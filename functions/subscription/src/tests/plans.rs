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

#[tokio::test]
async fn price_in_a_currency_without_decimals_is_shown_in_whole_units() {
    for (currency, amount, shown) in [("jpy", 1_500, 1_500.0), ("kwd", 1_500, 1.5), ("eur", 1_500, 15.0)] {
        let id = format!("price_{currency}_{}", uuid::Uuid::new_v4().simple());
        let app = super::builder().var("STRIPE_PRICE_ID", &id).start().await;
        let price = json!({ "id": id, "currency": currency, "unit_amount": amount });
        app.stripe("POST", "/_control/prices", price).await;
        let pro = plans(&app).await[1].clone();
        assert_eq!((&pro["price"], &pro["unit_amount"]), (&json!(shown), &json!(amount)), "{currency}");
        assert_eq!(pro["currency"], currency.to_uppercase());
        let user = app.user().await;
        let _ = app.subscribe(&user, testkit::GOOD_CARD).await;
        assert_eq!(app.tier(&user).await, "pro");
    }
}
