use std::collections::BTreeMap;

use serde_json::{Value, json};
use testkit::{GOOD_CARD, Person, StripeEvent, TestApp};

async fn start() -> TestApp {
    let routes = crate::routes().merge(subscription::routes()).merge(user::routes());
    TestApp::serving(routes).start().await
}

/// Everything that is written when an event takes effect.
async fn written(app: &TestApp) -> String {
    app.stored("SELECT coalesce(string_agg(s::text || u.subscription_tier, ','), '') FROM subscriptions s JOIN users u ON u.id = s.user_id").await
}

/// A life that is over: paid for, owing, paid for again, ended; its telling events.
async fn life(app: &TestApp) -> (Person, Vec<StripeEvent>) {
    let person = app.person().await;
    let session = app.checkout(&person).await;
    app.pay(&session, GOOD_CARD).await;
    let subscriptions = app.stripe("GET", "/v1/subscriptions", Value::Null).await;
    let id = subscriptions["data"][0]["id"].as_str().unwrap();
    let set =
        async |fields: Value| app.stripe("POST", &format!("/_control/subscriptions/{id}"), fields).await;
    set(json!({ "status": "past_due" })).await;
    set(json!({ "status": "active" })).await;
    app.stripe("POST", &format!("/_control/subscriptions/{id}/give_up"), Value::Null).await;
    let telling = |event: &StripeEvent| event.kind != "customer.created";
    (person, app.stripe_events().await.into_iter().filter(telling).collect())
}

#[tokio::test]
async fn events_in_any_order_and_any_number_come_to_one_end() {
    let app = start().await;
    let (person, events) = life(&app).await;
    assert!(events.len() >= 5, "{events:?}");
    for turn in 0..events.len() {
        let mut order: Vec<&StripeEvent> = events.iter().rev().collect();
        order.rotate_left(turn);
        for event in order {
            for _ in 0..2 {
                let answer = app.deliver(event).await.expect(200);
                assert_eq!(answer.body, json!({ "success": true, "received": true }));
            }
        }
        assert_eq!(app.tier(&person).await, "basic");
        assert_eq!(app.stored::<String>("SELECT status FROM subscriptions").await, "canceled");
    }
}

#[tokio::test]
async fn one_event_many_times_at_once_is_one_effect() {
    let app = start().await;
    let person = app.person().await;
    let session = app.checkout(&person).await;
    app.pay(&session, GOOD_CARD).await;
    let event = app.stripe_events().await.pop().unwrap();
    let answers = futures::future::join_all((0..10).map(|_| app.deliver(&event))).await;
    assert!(answers.into_iter().all(|answer| answer.status == 200));
    assert_eq!(app.tier(&person).await, "pro");
    // From now on it is on record, and Stripe is not asked about it.
    let calls =
        async || app.stripe("GET", "/_control/calls", Value::Null).await["GET /v1/subscriptions"].clone();
    let before = calls().await;
    let _ = app.deliver(&event).await.expect(200);
    assert_eq!(calls().await, before);
}

#[tokio::test]
async fn an_old_event_does_not_bring_back_what_it_tells_of() {
    let app = start().await;
    let (person, events) = life(&app).await;
    let created = events.iter().find(|event| event.kind == "customer.subscription.created").unwrap();
    assert!(created.payload.contains("\"status\": \"active\""));
    let _ = app.deliver(created).await.expect(200);
    assert_eq!(app.tier(&person).await, "basic");
}

#[tokio::test]
async fn what_stripe_has_not_signed_does_nothing() {
    let app = start().await;
    let person = app.person().await;
    let session = app.checkout(&person).await;
    app.pay(&session, GOOD_CARD).await;
    let event = app.stripe_events().await.pop().unwrap();
    let before = written(&app).await;
    let (time, signature) = event.signature.split_once(",v1=").unwrap();
    let forged = [
        String::new(),
        "nonsense".to_owned(),
        time.to_owned(),
        format!("v1={signature}"),
        format!("{time},v1="),
        format!("{time},v1={}", &signature[..62]),
        format!("{time},v1={}", "0".repeat(64)),
        format!("{time},v0={signature}"),
        format!("t=1,v1={signature}"),
        format!("t=99999999999999999999,v1={signature}"),
        format!("{time},{time},v1={signature}"),
        format!("{time} ,v1 = {signature}"),
    ];
    for header in &forged {
        let answer = app.deliver_as(&event.payload, Some(header)).await;
        assert!(answer.expect_problem(400, "invalid_signature").text("/detail").contains("Stripe-Signature"));
    }
    let _ = app.deliver_as(&event.payload, None).await.expect_problem(400, "invalid_signature");
    let same: Value = serde_json::from_str(&event.payload).unwrap();
    let reserialised = app.deliver_as(&same.to_string(), Some(&event.signature)).await;
    let _ = reserialised.expect_problem(400, "invalid_signature");
    app.advance(std::time::Duration::from_mins(6));
    let _ = app.deliver(&event).await.expect_problem(400, "invalid_signature");
    assert_eq!(written(&app).await, before);
}

/// `object` in an event of the type `kind`, signed.
fn signed(app: &TestApp, id: &str, kind: &str, object: &Value) -> (String, String) {
    use secrecy::ExposeSecret;
    let payload =
        json!({ "id": id, "object": "event", "type": kind, "data": { "object": object } }).to_string();
    let secret = app.app.config.billing.webhook_secrets[0].expose_secret();
    let signature =
        clients::stripe::webhook_signature::sign(payload.as_bytes(), secret.as_bytes(), app.app.clock.now());
    (payload, signature)
}

#[tokio::test]
async fn what_does_not_concern_us_is_taken_note_of() {
    let app = start().await;
    let strangers = json!({ "id": "sub_1", "customer": "cus_of_somebody_else" });
    for (kind, object) in [
        ("customer.subscription.updated", strangers.clone()),
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
        let answer = app.deliver_as(&payload, Some(&signature)).await;
        let is_odd = object["customer"] == 7;
        assert_eq!(answer.status, if is_odd { 400 } else { 200 }, "{kind}: {}", answer.body);
    }
    for payload in ["", "{}", "[]", "null", "{\"id\": 1}", "\u{0}"] {
        use secrecy::ExposeSecret;
        let secret = app.app.config.billing.webhook_secrets[0].expose_secret().to_owned();
        let header = clients::stripe::webhook_signature::sign(
            payload.as_bytes(),
            secret.as_bytes(),
            app.app.clock.now(),
        );
        let _ = app.deliver_as(payload, Some(&header)).await.expect_problem(400, "malformed_request");
    }
}

#[tokio::test]
async fn a_fault_that_passes_has_stripe_send_again() {
    let app = start().await;
    let person = app.person().await;
    let session = app.checkout(&person).await;
    app.pay(&session, GOOD_CARD).await;
    let event = app.stripe_events().await.pop().unwrap();
    for status in [500, 503, 429] {
        let fault = json!({ "fault": "status", "status": status });
        app.stripe_faults(json!([fault, fault])).await;
        let _ = app.deliver(&event).await.expect_problem(503, "unavailable");
        assert_eq!(app.tier(&person).await, "basic");
    }
    app.stripe_faults(json!([{ "fault": "garbage" }])).await;
    let _ = app.deliver(&event).await.expect_problem(500, "internal");
    let _ = app.deliver(&event).await.expect(200);
    assert_eq!(app.tier(&person).await, "pro");
}

#[tokio::test]
async fn large_events_are_read_and_endless_ones_are_not() {
    let app = start().await;
    let padded = |size: usize| json!({ "customer": "cus_none", "padding": "x".repeat(size) });
    let (payload, signature) = signed(&app, "evt_1", "invoice.paid", &padded(400 * 1024));
    let _ = app.deliver_as(&payload, Some(&signature)).await.expect(200);
    let (payload, signature) = signed(&app, "evt_2", "invoice.paid", &padded(600 * 1024));
    let answer = app.deliver_as(&payload, Some(&signature)).await.expect_problem(413, "body_too_large");
    assert!(answer.text("/detail").contains("512 KiB"));
}

#[tokio::test]
async fn webhooks_are_turned_away_by_no_limit_and_charged_to_nobody() {
    let routes = crate::routes().merge(subscription::routes());
    let app = TestApp::serving(routes).var("RATE_LIMIT_MAX_REQUESTS", "3").start().await;
    for _ in 0..10 {
        let _ = app.deliver_as("{}", None).await.expect(400);
    }
    let answer = app.request("GET", "/api/webhook/test").send().await.expect(200);
    assert_eq!(answer.header("x-ratelimit-remaining"), Some("2"));
    let configured: BTreeMap<String, bool> =
        serde_json::from_value(answer.body["configured"].clone()).unwrap();
    assert!(configured.len() == 3 && configured.values().all(|is_set| *is_set));
    assert!(!answer.body.to_string().contains("sk_") && !answer.body.to_string().contains("whsec"));
}

#[tokio::test]
async fn what_no_webhook_told_of_is_found_by_the_sweeper() {
    let app = start().await;
    let person = app.person().await;
    let session = app.checkout(&person).await;
    app.pay(&session, GOOD_CARD).await;
    let sweep = async || sweeper::sweep(&app.app).await.unwrap().repaired;
    assert_eq!(sweep().await, 0);
    app.advance(std::time::Duration::from_mins(6));
    assert_eq!((sweep().await, app.tier(&person).await.as_str()), (1, "pro"));
    // And its end, which is told of by nobody either.
    let id: String = app.stored("SELECT subscription_id FROM subscriptions").await;
    app.stripe("POST", &format!("/_control/subscriptions/{id}/give_up"), Value::Null).await;
    app.advance(std::time::Duration::from_hours(24));
    assert_eq!(sweep().await, 0);
    app.advance(std::time::Duration::from_hours(6 * 24));
    assert_eq!((sweep().await, app.tier(&person).await.as_str()), (1, "basic"));
}

#[tokio::test]
async fn reconciling_puts_everything_right_and_says_what_it_could_not() {
    let app = start().await;
    let (one, other) = (app.person().await, app.person().await);
    for person in [&one, &other] {
        let session = app.checkout(person).await;
        app.pay(&session, GOOD_CARD).await;
    }
    let down = json!({ "fault": "status", "status": 500 });
    // Two are asked about at once, each twice: one of them is never answered.
    app.stripe_faults(json!([down, down, down])).await;
    let first = sweeper::reconcile(&app.app).await.unwrap();
    assert_eq!((first.compared, first.changed, first.failed), (1, 1, 1));
    let second = sweeper::reconcile(&app.app).await.unwrap();
    assert_eq!((second.compared, second.changed, second.failed), (2, 1, 0));
    assert_eq!((app.tier(&one).await, app.tier(&other).await), ("pro".to_owned(), "pro".to_owned()));
}

#[tokio::test]
async fn the_key_of_another_account_takes_nobodys_plan_away() {
    let app = start().await;
    let person = app.person().await;
    let session = app.checkout(&person).await;
    app.pay(&session, GOOD_CARD).await;
    app.deliver_all().await;
    app.execute("UPDATE subscriptions SET customer_id = 'cus_of_another_account', subscription_id = 'sub_of_another_account'").await;
    let compared = sweeper::reconcile(&app.app).await.unwrap();
    assert_eq!((compared.compared, compared.failed, app.tier(&person).await.as_str()), (0, 1, "pro"));
}
