//! Trials, promotion codes and invoices with nothing to pay.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{GOOD_CARD, TestApp, TestUser};

use super::{builder, page, post, start, status};

async fn start_with_trials() -> TestApp {
    builder().var("STRIPE_TRIAL_DAYS", "14").start().await
}

async fn trial_days(app: &TestApp, user: &TestUser) -> Value {
    let id = app.subscribe(user, GOOD_CARD).await;
    let one = app.stripe("GET", &format!("/v1/subscriptions/{id}"), Value::Null).await;
    let days = |end: i64| (end - one["trial_start"].as_i64().unwrap()) / 86_400;
    one["trial_end"].as_i64().map_or(Value::Null, |end| json!(days(end)))
}

#[tokio::test]
async fn trial_entitles_until_it_ends_and_is_then_paid() {
    let app = start_with_trials().await;
    let user = app.user().await;
    assert_eq!(trial_days(&app, &user).await, 14);
    let shown = status(&app, &user).await;
    assert_eq!(
        (&shown["tier"], &shown["status"], &shown["ends_at"]),
        (&json!("pro"), &json!("trialing"), &Value::Null)
    );
    let one = app.stripe("GET", "/v1/subscriptions", Value::Null).await["data"][0].clone();
    let end: chrono::DateTime<chrono::Utc> = shown["current_period_end"].as_str().unwrap().parse().unwrap();
    assert_eq!(end.timestamp(), one["trial_end"].as_i64().unwrap());
    assert_eq!(app.stripe("GET", "/v1/charges", Value::Null).await["data"], json!([]));
    let _ = post(&app, &user, "cancel", Value::Null).await.expect(200);
    assert_eq!(status(&app, &user).await["ends_at"], shown["current_period_end"]);
    let _ = post(&app, &user, "reactivate", Value::Null).await.expect(200);
    let path = format!("/_control/subscriptions/{}/renew", one["id"].as_str().unwrap());
    app.stripe("POST", &path, Value::Null).await;
    app.deliver_all_events().await;
    assert_eq!(status(&app, &user).await["status"], "active");
    assert_eq!(app.stripe("GET", "/v1/charges", Value::Null).await["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn trial_is_given_once() {
    let app = start_with_trials().await;
    let user = app.user().await;
    let _ = trial_days(&app, &user).await;
    let id: String = app.query_value("SELECT subscription_id FROM subscriptions").await;
    app.stripe("DELETE", &format!("/v1/subscriptions/{id}"), Value::Null).await;
    app.deliver_all_events().await;
    assert_eq!(app.tier(&user).await, "basic");
    assert_eq!(trial_days(&app, &user).await, Value::Null);
    assert_eq!(status(&app, &user).await["status"], "active");
}

#[tokio::test]
async fn user_who_has_paid_before_gets_no_trial() {
    let app = start_with_trials().await;
    let user = app.user().await;
    let session = app.open_checkout(&user).await;
    // A subscription from the time before the trials.
    let customer: String = app.query_value("SELECT customer_id FROM subscriptions").await;
    let earlier = app.stripe("POST", "/_control/subscriptions", json!({ "customer": customer })).await;
    app.stripe("DELETE", &format!("/v1/subscriptions/{}", earlier["id"].as_str().unwrap()), Value::Null)
        .await;
    // The page that offers a trial is closed when the next one opens.
    let next = post(&app, &user, "pro", page()).await.expect(200).text("/session_id");
    assert_ne!(next, session);
    let old = app.stripe("GET", &format!("/v1/checkout/sessions/{session}"), Value::Null).await;
    assert_eq!(old["status"], "expired");
    assert_eq!(trial_days(&app, &user).await, Value::Null);
}

#[tokio::test]
async fn abandoned_first_payment_does_not_use_the_trial_up() {
    let app = start_with_trials().await;
    let user = app.user().await;
    let _ = app.open_checkout(&user).await;
    let customer: String = app.query_value("SELECT customer_id FROM subscriptions").await;
    let earlier = app.stripe("POST", "/_control/subscriptions", json!({ "customer": customer })).await;
    let path = format!("/_control/subscriptions/{}", earlier["id"].as_str().unwrap());
    app.stripe("POST", &path, json!({ "status": "incomplete_expired" })).await;
    assert_eq!(trial_days(&app, &user).await, 14);
}

#[tokio::test]
async fn failed_payment_after_the_trial_ends_pro_after_the_grace_period() {
    let app = start_with_trials().await;
    let user = app.user().await;
    let id = app.subscribe(&user, testkit::GOOD_ONCE_CARD).await;
    app.stripe("POST", &format!("/_control/subscriptions/{id}/renew"), Value::Null).await;
    app.deliver_all_events().await;
    let shown = status(&app, &user).await;
    assert_eq!((&shown["tier"], &shown["status"]), (&json!("pro"), &json!("past_due")));
    app.advance(Duration::from_hours(73));
    let _ = sweeper::sweep(&app.app).await.unwrap();
    assert_eq!(app.tier(&user).await, "basic");
}

#[tokio::test]
async fn without_the_setting_there_is_no_trial_and_no_promotion_code() {
    let app = start().await;
    let user = app.user().await;
    let session = app.open_checkout(&user).await;
    let stored = app.stripe("GET", &format!("/v1/checkout/sessions/{session}"), Value::Null).await;
    assert_eq!((&stored["allow_promotion_codes"], &stored["amount_total"]), (&Value::Null, &json!(1_499)));
    assert_eq!(trial_days(&app, &user).await, Value::Null);
}

#[tokio::test]
async fn promotion_code_that_leaves_nothing_to_pay_gives_pro() {
    let app = builder().var("STRIPE_PROMOTION_CODES", "true").start().await;
    let user = app.user().await;
    let session = app.open_checkout(&user).await;
    let payment = json!({ "card": GOOD_CARD, "promotion_code": "FREE" });
    let paid = app.stripe("POST", &format!("/_control/checkout/{session}"), payment).await;
    assert_eq!(
        (&paid["allow_promotion_codes"], &paid["payment_status"]),
        (&json!(true), &json!("no_payment_required"))
    );
    app.deliver_all_events().await;
    let shown = status(&app, &user).await;
    assert_eq!((&shown["tier"], &shown["status"]), (&json!("pro"), &json!("active")));
    assert_eq!(app.stripe("GET", "/v1/charges", Value::Null).await["data"], json!([]));
    let id = paid["subscription"].as_str().unwrap();
    app.stripe("POST", &format!("/_control/subscriptions/{id}/renew"), Value::Null).await;
    app.deliver_all_events().await;
    assert_eq!(status(&app, &user).await["tier"], "pro");
}
