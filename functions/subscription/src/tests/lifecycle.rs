//! Cancellation, reactivation, renewals and the plan that follows from each status.

use serde_json::{Value, json};
use testkit::{GOOD_CARD, GOOD_ONCE_CARD};

use super::{post, start, status};

#[tokio::test]
async fn cancelled_subscription_ends_with_its_period_unless_reactivated() {
    let app = start().await;
    let user = app.user().await;
    let id = app.subscribe(&user, GOOD_CARD).await;
    for _ in 0..2 {
        let response = app.event("subscription-cancel", Some(&user), None).send().await.expect(200);
        let one = &response.body["subscription"];
        assert_eq!(
            (&one["id"], &one["status"], &one["cancel_at_period_end"]),
            (&json!(id), &json!("active"), &json!(true))
        );
        assert!(one["current_period_end"].is_string() && response.body["message"].is_string());
    }
    let now = status(&app, &user).await;
    assert_eq!((&now["tier"], &now["cancel_at_period_end"]), (&json!("pro"), &json!(true)));
    for _ in 0..2 {
        let response = app.event("subscription-reactivate", Some(&user), None).send().await.expect(200);
        assert_eq!(response.body["subscription"]["cancel_at_period_end"], false);
    }
    let _ = post(&app, &user, "cancel", Value::Null).await.expect(200);
    app.stripe("POST", &format!("/_control/subscriptions/{id}/renew"), Value::Null).await;
    app.deliver_all_events().await;
    assert_eq!(status(&app, &user).await["tier"], "basic");
    let _ = post(&app, &user, "reactivate", Value::Null).await.expect_problem(404, "no_subscription");
}

#[tokio::test]
async fn cancel_notices_a_subscription_that_ended_without_a_webhook() {
    let app = start().await;
    let user = app.user().await;
    let id = app.subscribe(&user, GOOD_CARD).await;
    app.stripe("POST", &format!("/_control/subscriptions/{id}/give_up"), Value::Null).await;
    assert_eq!(app.tier(&user).await, "pro");
    let _ = post(&app, &user, "cancel", Value::Null).await.expect_problem(404, "no_subscription");
    assert_eq!(app.tier(&user).await, "basic");
}

#[tokio::test]
async fn failed_renewal_ends_pro_after_the_grace_period() {
    let app = start().await;
    let user = app.user().await;
    let id = app.subscribe(&user, GOOD_ONCE_CARD).await;
    app.stripe("POST", &format!("/_control/subscriptions/{id}/renew"), Value::Null).await;
    app.deliver_all_events().await;
    let now = status(&app, &user).await;
    assert_eq!((&now["tier"], &now["status"]), (&json!("pro"), &json!("past_due")));
    let sweep = async || sweeper::sweep(&app.app).await.unwrap().plans_changed;
    app.advance(std::time::Duration::from_hours(71));
    assert_eq!((sweep().await, app.tier(&user).await.as_str()), (0, "pro"));
    app.advance(std::time::Duration::from_hours(2));
    assert_eq!((sweep().await, app.tier(&user).await.as_str()), (1, "basic"));
    assert_eq!(status(&app, &user).await["status"], "past_due");
}

#[tokio::test]
async fn each_status_is_shown_and_gives_its_plan() {
    let app = start().await;
    let user = app.user().await;
    let id = app.subscribe(&user, GOOD_CARD).await;
    for (stripe, shown, tier) in [
        ("trialing", "trialing", "pro"),
        ("past_due", "past_due", "pro"),
        ("unpaid", "unpaid", "basic"),
        ("active", "active", "pro"),
        ("incomplete", "incomplete", "basic"),
        ("paused", "paused", "basic"),
        ("incomplete_expired", "incomplete_expired", "basic"),
        ("something_new", "unknown", "basic"),
        ("canceled", "canceled", "basic"),
    ] {
        app.stripe("POST", &format!("/_control/subscriptions/{id}"), json!({ "status": stripe })).await;
        let event = app.stripe_events().await.pop().unwrap();
        let _ = app.deliver_event(&event).await.expect(200);
        let now = status(&app, &user).await;
        assert_eq!((&now["status"], &now["tier"]), (&json!(shown), &json!(tier)), "{stripe}");
    }
}

#[tokio::test]
async fn grace_period_does_not_restart_with_the_next_period() {
    let app = start().await;
    let user = app.user().await;
    let id = app.subscribe(&user, GOOD_ONCE_CARD).await;
    let renew = async || {
        app.stripe("POST", &format!("/_control/subscriptions/{id}/renew"), Value::Null).await;
        app.deliver_event(&app.stripe_events().await.pop().unwrap()).await.expect(200)
    };
    let _ = renew().await;
    assert_eq!(app.tier(&user).await, "pro");
    app.advance(std::time::Duration::from_hours(73));
    let _ = sweeper::sweep(&app.app).await.unwrap();
    assert_eq!(app.tier(&user).await, "basic");
    // No webhook: its signature would be too old by the test's clock.
    app.stripe("POST", &format!("/_control/subscriptions/{id}/renew"), Value::Null).await;
    let _ = sweeper::reconcile(&app.app).await.unwrap();
    assert_eq!(app.tier(&user).await, "basic");
}

#[tokio::test]
async fn cancel_ends_all_subscriptions_of_the_user() {
    let app = start().await;
    let user = app.user().await;
    let _ = app.subscribe(&user, GOOD_CARD).await;
    let customer: String = app.query_value("SELECT customer_id FROM subscriptions").await;
    // A second subscription, created in the dashboard.
    app.stripe("POST", "/_control/subscriptions", json!({ "customer": customer })).await;
    let _ = post(&app, &user, "cancel", Value::Null).await.expect(200);
    let all = app.stripe("GET", "/v1/subscriptions", Value::Null).await;
    let all = all["data"].as_array().unwrap();
    assert!(all.len() == 2 && all.iter().all(|one| one["cancel_at_period_end"] == true), "{all:?}");
}

#[tokio::test]
async fn distant_cancel_date_is_not_the_end_of_the_period() {
    let app = start().await;
    let user = app.user().await;
    let id = app.subscribe(&user, GOOD_CARD).await;
    app.stripe("POST", &format!("/_control/subscriptions/{id}"), json!({ "cancel_at": 4_000_000_000_u64 }))
        .await;
    let _ = sweeper::reconcile(&app.app).await.unwrap();
    assert_eq!(status(&app, &user).await["cancel_at_period_end"], false);
    let _ = post(&app, &user, "cancel", Value::Null).await.expect(200);
    assert_eq!(status(&app, &user).await["cancel_at_period_end"], true);
}

#[tokio::test]
async fn user_put_on_pro_by_an_operator_stays_there() {
    let app = start().await;
    let user = app.user().await;
    app.set_tier(&user, domain::Tier::Pro).await;
    for path in ["cancel", "reactivate"] {
        let _ = post(&app, &user, path, Value::Null).await.expect_problem(404, "no_subscription");
    }
    let _ = post(&app, &user, "pro", super::page()).await.expect_problem(409, "already_subscribed");
    let _ = sweeper::reconcile(&app.app).await.unwrap();
    assert_eq!(app.tier(&user).await, "pro");
}
