//! Events in the form of other API versions than the one that this service requests.

use serde_json::{Value, json};
use testkit::{CONFIRMED_CARD, GOOD_CARD};

use super::start;

#[tokio::test]
async fn events_of_other_api_versions_have_the_same_effect() {
    for version in ["2022-11-15", "2024-06-20", "2025-03-31.basil", "2026-01-28.clover"] {
        let app = start().await;
        app.stripe("POST", "/_control/endpoint", json!({ "api_version": version })).await;
        let user = app.user().await;
        let session = app.open_checkout(&user).await;
        app.pay_checkout(&session, CONFIRMED_CARD).await;
        let events = app.stripe_events().await;
        assert!(events.iter().all(|event| event.payload.contains(version)));
        let is_old = events.iter().any(|event| event.payload.contains("\"current_period_end\""));
        assert!(is_old);
        app.deliver_all_events().await;
        assert_eq!(app.tier(&user).await, "basic");
        app.pay_checkout(&session, GOOD_CARD).await;
        let updated = app.stripe_events().await;
        let updated =
            updated.iter().rev().find(|event| event.kind == "customer.subscription.updated").unwrap();
        let payload: Value = serde_json::from_str(&updated.payload).unwrap();
        assert_eq!(payload["data"]["previous_attributes"], json!({ "status": "incomplete" }));
        let _ = app.deliver_event(updated).await.expect(200);
        assert_eq!(app.tier(&user).await, "pro", "{version}");
    }
}

#[tokio::test]
async fn unknown_customer_is_adopted_by_an_event_of_an_older_version() {
    let app = start().await;
    app.stripe("POST", "/_control/endpoint", json!({ "api_version": "2024-06-20" })).await;
    let user = app.user().await;
    let names = json!({ "user_id": user.id });
    let (_, id) = app.create_customer_with_subscription(names.clone(), names).await;
    app.stripe("POST", &format!("/_control/subscriptions/{id}/renew"), Value::Null).await;
    app.deliver_latest("invoice.payment_failed").await;
    assert_eq!(app.query_value::<String>("SELECT status FROM subscriptions").await, "past_due");
}
