//! When a subscription ends, which subscriptions count, and what Stripe refuses.

use serde_json::{Value, json};
use testkit::{GOOD_CARD, GOOD_ONCE_CARD, TestApp};

use super::{post, start, status};

async fn set(app: &TestApp, id: &str, fields: Value) {
    app.stripe("POST", &format!("/_control/subscriptions/{id}"), fields).await;
    let _ = sweeper::reconcile(&app.app).await.unwrap();
}

#[tokio::test]
async fn cancelling_with_an_open_payment_ends_the_subscription_at_once() {
    let app = start().await;
    for open in ["past_due", "unpaid", "paused"] {
        let user = app.user().await;
        let id = app.subscribe(&user, GOOD_ONCE_CARD).await;
        set(&app, &id, json!({ "status": open })).await;
        let response = post(&app, &user, "cancel", Value::Null).await.expect(200);
        assert_eq!(response.body["subscription"]["status"], "canceled", "{open}");
        assert!(response.body["subscription"]["ends_at"].is_string());
        assert_eq!(app.tier(&user).await, "basic");
        let _ = post(&app, &user, "pro", super::page()).await.expect(200);
    }
}

#[tokio::test]
async fn end_date_of_the_portal_is_shown_and_removed_by_reactivating() {
    let app = start().await;
    let user = app.user().await;
    let id = app.subscribe(&user, GOOD_CARD).await;
    assert_eq!(status(&app, &user).await["ends_at"], Value::Null);
    set(&app, &id, json!({ "cancel_at": 4_000_000_000_u64 })).await;
    assert_eq!(status(&app, &user).await["ends_at"], "2096-10-02T07:06:40Z");
    let response = post(&app, &user, "reactivate", Value::Null).await.expect(200);
    assert_eq!(response.body["subscription"]["ends_at"], Value::Null);
    assert_eq!(status(&app, &user).await["ends_at"], Value::Null);
    let _ = post(&app, &user, "cancel", Value::Null).await.expect(200);
    let now = status(&app, &user).await;
    assert_eq!(now["ends_at"], now["current_period_end"]);
}

#[tokio::test]
async fn subscription_to_another_price_gives_no_pro_and_is_not_cancelled() {
    let app = start().await;
    let user = app.user().await;
    let id = app.subscribe(&user, GOOD_CARD).await;
    set(&app, &id, json!({ "price": { "id": "price_of_something_else" } })).await;
    assert_eq!(app.tier(&user).await, "basic");
    assert_eq!(status(&app, &user).await["status"], "inactive");
    let _ = post(&app, &user, "cancel", Value::Null).await.expect_problem(404, "no_subscription");
    let stripe = app.stripe("GET", &format!("/v1/subscriptions/{id}"), Value::Null).await;
    assert_eq!((&stripe["status"], &stripe["cancel_at_period_end"]), (&json!("active"), &json!(false)));
    let _ = post(&app, &user, "pro", super::page()).await.expect(200);
}

#[tokio::test]
async fn subscription_to_an_earlier_price_of_the_plan_keeps_pro() {
    let app = super::builder().var("STRIPE_PREVIOUS_PRICE_IDS", "price_old, price_older").start().await;
    let user = app.user().await;
    let id = app.subscribe(&user, GOOD_CARD).await;
    set(&app, &id, json!({ "price": { "id": "price_older" } })).await;
    assert_eq!(app.tier(&user).await, "pro");
}

#[tokio::test]
async fn change_that_a_schedule_forbids_is_a_conflict() {
    let app = start().await;
    let user = app.user().await;
    let id = app.subscribe(&user, GOOD_CARD).await;
    set(&app, &id, json!({ "schedule": "sub_sched_1" })).await;
    let refused = post(&app, &user, "cancel", Value::Null).await;
    let _ = refused.expect_problem(409, "subscription_not_changeable");
    assert_eq!(app.tier(&user).await, "pro");
}

#[tokio::test]
async fn portal_without_configuration_is_a_conflict() {
    let app = start().await;
    let user = app.user().await;
    let _ = app.subscribe(&user, GOOD_CARD).await;
    app.stripe("POST", "/_control/portal", json!({ "configured": false })).await;
    let body = json!({ "return_url": "https://app.example.com/plans" });
    let _ = post(&app, &user, "portal", body).await.expect_problem(409, "portal_not_available");
}

#[tokio::test]
async fn inactive_price_is_a_conflict_and_no_page_opens() {
    let app = start().await;
    let user = app.user().await;
    app.stripe("POST", "/_control/prices", json!({ "id": "price_pro_monthly", "active": false })).await;
    let _ = post(&app, &user, "pro", super::page()).await.expect_problem(409, "checkout_not_available");
    let open = app.stripe("GET", "/v1/checkout/sessions", Value::Null).await;
    assert_eq!(open["data"], json!([]));
    app.stripe("POST", "/_control/prices", json!({ "id": "price_pro_monthly", "active": true })).await;
    let _ = post(&app, &user, "pro", super::page()).await.expect(200);
}
