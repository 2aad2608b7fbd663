//! The effect of events: order, duplicates, relevance and failures.

use serde_json::{Value, json};
use testkit::{GOOD_CARD, StripeEvent, TestApp, TestUser};

use super::{signed, start};

/// A user whose subscription was paid, past due, paid again and ended; and its events.
async fn ended_subscription(app: &TestApp) -> (TestUser, Vec<StripeEvent>) {
    let user = app.user().await;
    let session = app.open_checkout(&user).await;
    app.pay_checkout(&session, GOOD_CARD).await;
    let subscriptions = app.stripe("GET", "/v1/subscriptions", Value::Null).await;
    let id = subscriptions["data"][0]["id"].as_str().unwrap();
    let set =
        async |fields: Value| app.stripe("POST", &format!("/_control/subscriptions/{id}"), fields).await;
    set(json!({ "status": "past_due" })).await;
    set(json!({ "status": "active" })).await;
    app.stripe("POST", &format!("/_control/subscriptions/{id}/give_up"), Value::Null).await;
    let affects_subscription = |event: &StripeEvent| event.kind != "customer.created";
    (user, app.stripe_events().await.into_iter().filter(affects_subscription).collect())
}

#[tokio::test]
async fn reordered_and_repeated_events_have_the_same_result() {
    let app = start().await;
    let (user, events) = ended_subscription(&app).await;
    assert!(events.len() >= 5, "{events:?}");
    for turn in 0..events.len() {
        let mut order: Vec<&StripeEvent> = events.iter().rev().collect();
        order.rotate_left(turn);
        for event in order {
            for _ in 0..2 {
                let response = app.deliver_event(event).await.expect(200);
                assert_eq!(response.body, json!({ "success": true, "received": true }));
            }
        }
        assert_eq!(app.tier(&user).await, "basic");
        assert_eq!(app.query_value::<String>("SELECT status FROM subscriptions").await, "canceled");
    }
}

#[tokio::test]
async fn concurrent_deliveries_of_one_event_take_effect_once() {
    let app = start().await;
    let user = app.user().await;
    let session = app.open_checkout(&user).await;
    app.pay_checkout(&session, GOOD_CARD).await;
    let event = app.stripe_events().await.pop().unwrap();
    let responses = futures::future::join_all((0..10).map(|_| app.deliver_event(&event))).await;
    assert!(responses.into_iter().all(|response| response.status == 200));
    assert_eq!(app.tier(&user).await, "pro");
    // The event is on record now, so a repeat makes no call to Stripe.
    let calls =
        async || app.stripe("GET", "/_control/calls", Value::Null).await["GET /v1/subscriptions"].clone();
    let before = calls().await;
    let _ = app.deliver_event(&event).await.expect(200);
    assert_eq!(calls().await, before);
}

#[tokio::test]
async fn old_event_does_not_restore_an_old_state() {
    let app = start().await;
    let (user, events) = ended_subscription(&app).await;
    let created = events.iter().find(|event| event.kind == "customer.subscription.created").unwrap();
    assert!(created.payload.contains("\"status\": \"active\""));
    let _ = app.deliver_event(created).await.expect(200);
    assert_eq!(app.tier(&user).await, "basic");
}

#[tokio::test]
async fn irrelevant_events_are_acknowledged() {
    let app = start().await;
    let unknown = json!({ "id": "sub_1", "customer": "cus_unknown" });
    for (kind, object) in [
        ("customer.subscription.updated", unknown.clone()),
        (
            "customer.subscription.updated",
            json!({ "id": "sub_1", "customer": { "id": "cus_2", "object": "customer" } }),
        ),
        ("invoice.paid", json!({ "id": "in_1", "customer": null })),
        ("invoice.paid", json!({ "id": "in_1", "customer": "cus_\u{0}" })),
        (
            "invoice.paid",
            json!({ "customer": "cus_gone", "metadata": { "user_id": "018f0000-0000-7000-8000-000000000001" } }),
        ),
        ("radar.early_fraud_warning.created", json!({})),
        ("something.that.does.not.exist", json!({ "customer": 7 })),
    ] {
        let (payload, signature) = signed(&app, "evt_1", kind, &object);
        let response = app.deliver_payload(&payload, Some(&signature)).await;
        let is_malformed = object["customer"] == 7;
        assert_eq!(response.status, if is_malformed { 400 } else { 200 }, "{kind}: {}", response.body);
    }
    for payload in ["", "{}", "[]", "null", "{\"id\": 1}", "\u{0}"] {
        use secrecy::ExposeSecret;
        let secret = app.app.config.billing.webhook_secrets[0].expose_secret().to_owned();
        let header = clients::stripe::webhook_signature::sign(
            payload.as_bytes(),
            secret.as_bytes(),
            app.app.clock.now(),
        );
        let _ = app.deliver_payload(payload, Some(&header)).await.expect_problem(400, "malformed_request");
    }
}

#[tokio::test]
async fn refund_or_dispute_is_recorded_once_and_leaves_the_plan_to_the_operator() {
    let app = start().await;
    let user = app.user().await;
    app.subscribe(&user, GOOD_CARD).await;
    app.deliver_all_events().await;
    let customer: String = app.query_value("SELECT customer_id FROM subscriptions").await;
    for (id, kind, object) in [
        ("evt_refund", "charge.refunded", json!({ "id": "ch_1", "customer": customer, "refunded": true })),
        ("evt_opened", "charge.dispute.created", json!({ "id": "dp_1", "charge": "ch_1" })),
        ("evt_closed", "charge.dispute.closed", json!({ "id": "dp_1", "charge": "ch_1", "status": "lost" })),
    ] {
        let id = format!("{id}_{}", user.id);
        let (payload, signature) = signed(&app, &id, kind, &object);
        for _ in 0..2 {
            let _ = app.deliver_payload(&payload, Some(&signature)).await.expect(200);
        }
        let table = app.app.table().unwrap();
        assert!(table.has_event(&id, app.app.clock.now()).await.unwrap(), "{kind}");
    }
    assert_eq!(app.tier(&user).await, "pro");
}

#[tokio::test]
async fn transient_failure_answers_503_so_that_stripe_retries() {
    let app = start().await;
    let user = app.user().await;
    let session = app.open_checkout(&user).await;
    app.pay_checkout(&session, GOOD_CARD).await;
    let event = app.stripe_events().await.pop().unwrap();
    for status in [500, 503, 429] {
        let fault = json!({ "fault": "status", "status": status });
        app.stripe_faults(json!([fault, fault])).await;
        let _ = app.deliver_event(&event).await.expect_problem(503, "unavailable");
        assert_eq!(app.tier(&user).await, "basic");
    }
    app.stripe_faults(json!([{ "fault": "garbage" }])).await;
    let _ = app.deliver_event(&event).await.expect_problem(500, "internal");
    let _ = app.deliver_event(&event).await.expect(200);
    assert_eq!(app.tier(&user).await, "pro");
}
