//! Refunds and disputes, with the settings that end Pro.

use serde_json::{Value, json};
use testkit::{ErrorLog, GOOD_CARD, TestApp, TestUser};

async fn start(settings: &[(&'static str, &str)]) -> TestApp {
    let routes = crate::routes().merge(subscription::routes());
    let builder = TestApp::serving(routes);
    settings.iter().fold(builder, |builder, (name, value)| builder.var(name, value)).start().await
}

/// A user who has paid `months` invoices: the ids of the subscription and of the charges, the
/// latest first.
async fn subscriber(app: &TestApp, months: usize) -> (TestUser, String, Vec<String>) {
    let user = app.user().await;
    let id = app.subscribe(&user, GOOD_CARD).await;
    for _ in 1..months {
        app.stripe("POST", &format!("/_control/subscriptions/{id}/renew"), Value::Null).await;
    }
    app.deliver_all_events().await;
    let customer: String = app.query_value("SELECT customer_id FROM subscriptions").await;
    let charges = app.stripe("GET", &format!("/v1/charges?customer={customer}"), Value::Null).await;
    let charges = charges["data"].as_array().unwrap();
    let charges: Vec<_> = charges.iter().map(|charge| charge["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(charges.len(), months);
    (user, id, charges)
}

async fn refund(app: &TestApp, charge: &str, amount: Option<i64>) {
    app.stripe("POST", &format!("/_control/charges/{charge}/refund"), json!({ "amount": amount })).await;
    app.deliver_latest("charge.refunded").await;
}

async fn dispute(app: &TestApp, charge: &str, status: &str) {
    app.stripe("POST", &format!("/_control/charges/{charge}/dispute"), json!({ "status": status })).await;
    app.deliver_event(app.stripe_events().await.last().unwrap()).await.expect(200);
}

#[tokio::test]
async fn full_refund_of_the_latest_invoice_ends_pro_if_it_is_set() {
    for (setting, tier) in [("true", "basic"), ("false", "pro")] {
        let app = start(&[("STRIPE_CANCEL_ON_REFUND", setting)]).await;
        let (user, id, charges) = subscriber(&app, 2).await;
        let errors = ErrorLog::start();
        refund(&app, &charges[0], None).await;
        app.deliver_latest("charge.refunded").await;
        assert_eq!((app.tier(&user).await.as_str(), errors.take().len()), (tier, 1));
        let ended = app.stripe("GET", &format!("/v1/subscriptions/{id}"), Value::Null).await;
        assert_eq!(ended["status"] == "canceled", tier == "basic");
    }
}

#[tokio::test]
async fn partial_refund_and_refund_of_an_older_invoice_leave_pro() {
    let app = start(&[("STRIPE_CANCEL_ON_REFUND", "true")]).await;
    let (user, _, charges) = subscriber(&app, 2).await;
    refund(&app, &charges[1], None).await;
    assert_eq!(app.tier(&user).await, "pro");
    refund(&app, &charges[0], Some(700)).await;
    assert_eq!(app.tier(&user).await, "pro");
    // The rest makes the refund a full one.
    refund(&app, &charges[0], Some(799)).await;
    assert_eq!(app.tier(&user).await, "basic");
}

#[tokio::test]
async fn dispute_ends_pro_when_the_setting_says_so() {
    for (setting, steps) in [
        ("never", [("needs_response", "pro"), ("lost", "pro")]),
        ("lost", [("needs_response", "pro"), ("lost", "basic")]),
        ("lost", [("needs_response", "pro"), ("won", "pro")]),
        ("opened", [("needs_response", "basic"), ("won", "basic")]),
        ("opened", [("warning_needs_response", "pro"), ("warning_closed", "pro")]),
    ] {
        let app = start(&[("STRIPE_CANCEL_ON_DISPUTE", setting)]).await;
        let (user, _, charges) = subscriber(&app, 1).await;
        let errors = ErrorLog::start();
        for (status, tier) in steps {
            dispute(&app, &charges[0], status).await;
            assert_eq!(app.tier(&user).await, tier, "{setting}: {status}");
        }
        assert_eq!(errors.take().len(), 2, "{setting}");
    }
}

#[tokio::test]
async fn late_event_of_a_dispute_that_was_won_leaves_pro() {
    let app = start(&[("STRIPE_CANCEL_ON_DISPUTE", "opened")]).await;
    let (user, _, charges) = subscriber(&app, 1).await;
    for status in ["needs_response", "won"] {
        let body = json!({ "status": status });
        app.stripe("POST", &format!("/_control/charges/{}/dispute", charges[0]), body).await;
    }
    app.deliver_latest("charge.dispute.closed").await;
    app.deliver_latest("charge.dispute.created").await;
    assert_eq!(app.tier(&user).await, "pro");
}

#[tokio::test]
async fn failure_at_stripe_is_retried_and_a_refusal_still_raises_the_alarm() {
    let app = start(&[("STRIPE_CANCEL_ON_REFUND", "true")]).await;
    let (user, _, charges) = subscriber(&app, 1).await;
    app.stripe("POST", &format!("/_control/charges/{}/refund", charges[0]), json!({ "amount": null })).await;
    let event = app.stripe_events().await.pop().unwrap();
    let status = |status: u16| json!({ "fault": "status", "status": status });
    app.stripe_faults(json!([status(500), status(500)])).await;
    let _ = app.deliver_event(&event).await.expect_problem(503, "unavailable");
    let errors = ErrorLog::start();
    app.stripe_faults(json!([status(403)])).await;
    let _ = app.deliver_event(&event).await.expect(200);
    assert!(errors.take().iter().any(|line| line.contains("refused with 403")));
    assert_eq!(app.tier(&user).await, "pro");
}

#[tokio::test]
async fn refund_to_a_customer_of_nobody_raises_the_alarm_only() {
    let app = start(&[("STRIPE_CANCEL_ON_REFUND", "true")]).await;
    let (user, id, charges) = subscriber(&app, 1).await;
    app.execute("UPDATE subscriptions SET customer_id = 'cus_other'").await;
    let errors = ErrorLog::start();
    refund(&app, &charges[0], None).await;
    assert_eq!((app.tier(&user).await.as_str(), errors.take().len()), ("pro", 1));
    let stripe = app.stripe("GET", &format!("/v1/subscriptions/{id}"), Value::Null).await;
    assert_eq!(stripe["status"], "active");
}
