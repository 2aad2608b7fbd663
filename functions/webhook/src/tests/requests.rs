//! The requests themselves: signatures, sizes and rate limits.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use testkit::{GOOD_CARD, TestApp};

use super::{signed, start};

/// All rows that an event may change, as text.
async fn billing_rows(app: &TestApp) -> String {
    app.query_value("SELECT coalesce(string_agg(s::text || u.subscription_tier, ','), '') FROM subscriptions s JOIN users u ON u.id = s.user_id").await
}

#[tokio::test]
async fn event_without_a_valid_signature_is_rejected() {
    let app = start().await;
    let user = app.user().await;
    let session = app.open_checkout(&user).await;
    app.pay_checkout(&session, GOOD_CARD).await;
    let event = app.stripe_events().await.pop().unwrap();
    let before = billing_rows(&app).await;
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
        let response = app.deliver_payload(&event.payload, Some(header)).await;
        assert!(
            response.expect_problem(400, "invalid_signature").text("/detail").contains("Stripe-Signature")
        );
    }
    let _ = app.deliver_payload(&event.payload, None).await.expect_problem(400, "invalid_signature");
    let same: Value = serde_json::from_str(&event.payload).unwrap();
    let reserialised = app.deliver_payload(&same.to_string(), Some(&event.signature)).await;
    let _ = reserialised.expect_problem(400, "invalid_signature");
    app.advance(std::time::Duration::from_mins(6));
    let _ = app.deliver_event(&event).await.expect_problem(400, "invalid_signature");
    assert_eq!(billing_rows(&app).await, before);
}

#[tokio::test]
async fn large_events_are_accepted_up_to_a_limit() {
    let app = start().await;
    let padded = |size: usize| json!({ "customer": "cus_none", "padding": "x".repeat(size) });
    let (payload, signature) = signed(&app, "evt_1", "invoice.paid", &padded(400 * 1024));
    let _ = app.deliver_payload(&payload, Some(&signature)).await.expect(200);
    let (payload, signature) = signed(&app, "evt_2", "invoice.paid", &padded(600 * 1024));
    let response =
        app.deliver_payload(&payload, Some(&signature)).await.expect_problem(413, "body_too_large");
    assert!(response.text("/detail").contains("512 KiB"));
}

#[tokio::test]
async fn webhooks_are_exempt_from_rate_limits() {
    let routes = crate::routes().merge(subscription::routes());
    let app = TestApp::serving(routes).var("RATE_LIMIT_MAX_REQUESTS", "3").start().await;
    for _ in 0..10 {
        let _ = app.deliver_payload("{}", None).await.expect(400);
    }
    let response = app.request("GET", "/api/webhook/test").send().await.expect(200);
    assert_eq!(response.header("x-ratelimit-remaining"), Some("2"));
    let configured: BTreeMap<String, bool> =
        serde_json::from_value(response.body["configuration"].clone()).unwrap();
    assert!(configured.len() == 3 && configured.values().all(|is_set| *is_set));
    assert!(!response.body.to_string().contains("sk_") && !response.body.to_string().contains("whsec"));
}
