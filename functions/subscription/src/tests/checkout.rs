//! Opening a checkout page and paying on it.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::Tier;
use serde_json::{Value, json};
use testkit::{GOOD_CARD, GOOD_ONCE_CARD, TestApp, TestUser};

use super::{builder, page, post, start, status};

async fn sessions(app: &TestApp, state: &str) -> Vec<Value> {
    let path = format!("/v1/checkout/sessions?status={state}&limit=100");
    app.stripe("GET", &path, Value::Null).await["data"].as_array().unwrap().clone()
}

async fn calls(app: &TestApp, call: &str) -> u64 {
    app.stripe("GET", "/_control/calls", Value::Null).await[call].as_u64().unwrap_or_default()
}

#[tokio::test]
async fn payment_puts_the_user_on_pro_with_the_next_request() {
    let app = start().await;
    let user = app.user().await;
    let opened = app.event("subscription-pro", Some(&user), None).send().await.expect(200);
    assert_eq!(opened.body["message"], "Checkout session created");
    let session = opened.text("/session_id");
    assert!(opened.text("/checkout_url").ends_with(&session));
    let stored = app.stripe("GET", &format!("/v1/checkout/sessions/{session}"), Value::Null).await;
    assert_eq!(stored["client_reference_id"], user.id.to_string());
    assert_eq!(stored["success_url"], "http://localhost:3000/paid");
    assert_eq!(stored["metadata"]["user_id"], user.id.to_string());
    let nothing = json!({ "tier": "basic", "status": "inactive", "current_period_end": null, "cancel_at_period_end": false, "ends_at": null, "required_action": null });
    assert_eq!(status(&app, &user).await, nothing);

    app.pay_checkout(&session, GOOD_CARD).await;
    app.deliver_all_events().await;
    let now = status(&app, &user).await;
    assert_eq!((&now["tier"], &now["status"]), (&json!("pro"), &json!("active")));
    let me = app.request("GET", "/api/user/me").by(&user).send().await.expect(200);
    assert_eq!(me.body["usage"]["daily_message_limit"], 1_000);
    let export = app.request("GET", "/api/user/export").by(&user).send().await.expect(200);
    assert!(export.body.as_str().unwrap().contains("\"type\":\"subscription\""), "{}", export.body);
    let subscription = app.stripe("GET", "/v1/subscriptions", Value::Null).await["data"][0].clone();
    assert_eq!(subscription["metadata"]["user_id"], user.id.to_string());
}

#[tokio::test]
async fn limits_change_with_the_plan_from_one_request_to_the_next() {
    let app = builder()
        .var("RATE_LIMIT_USER_MAX_REQUESTS", "50000")
        .var("RATE_LIMIT_PRO_MAX_REQUESTS", "70000")
        .start()
        .await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    for _ in 0..5 {
        app.send_message(&user, &chatroom, "hello").await;
    }
    let send = async || {
        let path = format!("/api/chatroom/{chatroom}/message");
        app.request("POST", &path).by(&user).json(json!({ "content": "one more" })).send().await
    };
    let _ = send().await.expect_problem(429, "daily_quota_exhausted");
    let limit = async || {
        let response = app.request("GET", "/api/user/me").by(&user).send().await.expect(200);
        response.header("x-ratelimit-limit").unwrap().to_owned()
    };
    assert_eq!(limit().await, "50000");
    let id = app.subscribe(&user, GOOD_CARD).await;
    assert_eq!(limit().await, "70000");
    assert_eq!(send().await.expect(201).header("x-quota-limit"), Some("1000"));
    app.stripe("POST", &format!("/_control/subscriptions/{id}/give_up"), Value::Null).await;
    app.deliver_all_events().await;
    assert_eq!(limit().await, "50000");
    let _ = send().await.expect_problem(429, "daily_quota_exhausted");
    let me = app.request("GET", "/api/user/me").by(&user).send().await.expect(200);
    assert_eq!(
        (&me.body["usage"]["daily_messages_used"], &me.body["usage"]["remaining_messages"]),
        (&json!(6), &json!(0))
    );
    assert_eq!(app.query_value::<i32>("SELECT messages FROM daily_usage").await, 6);
}

#[tokio::test]
async fn concurrent_checkouts_share_one_customer_and_one_page() {
    let app = start().await;
    let user = app.user().await;
    let requests = (0..20).map(|_| post(&app, &user, "pro", page()));
    let responses = futures::future::join_all(requests).await;
    let pages: BTreeSet<String> =
        responses.into_iter().map(|response| response.expect(200).text("/session_id")).collect();
    assert_eq!(pages.len(), 1);
    assert_eq!((sessions(&app, "open").await.len(), calls(&app, "POST /v1/customers").await), (1, 1));
    let other = json!({ "success_url": "https://app.example.com/elsewhere", "cancel_url": "https://app.example.com/" });
    let second = post(&app, &user, "pro", other).await.expect(200).text("/session_id");
    assert!(!pages.contains(&second));
    let open = sessions(&app, "open").await;
    assert_eq!(open.iter().map(|one| one["id"].as_str().unwrap()).collect::<Vec<_>>(), [second]);
}

#[tokio::test]
async fn user_cannot_buy_twice_even_when_webhooks_are_missing() {
    let app = start().await;
    let user = app.user().await;
    let session = app.open_checkout(&user).await;
    app.pay_checkout(&session, GOOD_CARD).await;
    // No webhook has arrived.
    assert_eq!(app.tier(&user).await, "basic");
    let _ = post(&app, &user, "pro", page()).await.expect_problem(409, "already_subscribed");
    assert_eq!(app.tier(&user).await, "pro");
    assert!(sessions(&app, "open").await.is_empty());
    let by_hand = app.user().await;
    app.set_tier(&by_hand, Tier::Pro).await;
    let _ = post(&app, &by_hand, "pro", page()).await.expect_problem(409, "already_subscribed");
    assert_eq!(app.tier(&by_hand).await, "pro");
}

#[tokio::test]
async fn unpaid_invoice_refers_to_the_portal_and_ended_subscription_can_be_renewed() {
    let app = start().await;
    let user = app.user().await;
    let id = app.subscribe(&user, GOOD_ONCE_CARD).await;
    app.stripe("POST", &format!("/_control/subscriptions/{id}/renew"), Value::Null).await;
    let _ = post(&app, &user, "pro", page()).await.expect_problem(409, "payment_due");
    let back = json!({ "return_url": "https://app.example.com/account" });
    let portal = post(&app, &user, "portal", back).await.expect(200);
    assert!(portal.text("/portal_url").contains("/p/session/"));
    app.stripe("POST", &format!("/_control/subscriptions/{id}/give_up"), Value::Null).await;
    let again = app.subscribe(&user, GOOD_CARD).await;
    assert!(again != id && app.tier(&user).await == "pro");
    assert_eq!(calls(&app, "POST /v1/customers").await, 1);
}

#[tokio::test]
async fn same_idempotency_key_returns_the_same_page() {
    let app = start().await;
    let user = app.user().await;
    let ask = async || {
        let request = app.request("POST", "/api/subscription/pro").by(&user).json(page());
        request.header("idempotency-key", "once").send().await.expect(200)
    };
    let first = ask().await;
    app.pay_checkout(&first.text("/session_id"), GOOD_CARD).await;
    let second = ask().await;
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
    assert_eq!(second.text("/checkout_url"), first.text("/checkout_url"));
}

#[tokio::test]
async fn stripe_failures_leave_one_customer_and_one_page() {
    let app = start().await;
    let user = app.user().await;
    let down = json!({ "fault": "status", "status": 503 });
    app.stripe_faults(json!([down, down])).await;
    let response = post(&app, &user, "pro", page()).await.expect_problem(503, "unavailable");
    assert!(response.header("retry-after").is_some());
    // Stripe replays the failure for the same idempotency key, which changes each minute.
    app.advance(Duration::from_mins(1));
    // The responses that create the customer and the page are lost; Stripe has created both.
    let (lost, none) = (json!({ "fault": "lost" }), json!({ "fault": "none" }));
    app.stripe_faults(json!([lost, none, none, none, lost])).await;
    let session = post(&app, &user, "pro", page()).await.expect(200).text("/session_id");
    let open = sessions(&app, "open").await;
    assert_eq!(open.iter().map(|one| one["id"].as_str().unwrap()).collect::<Vec<_>>(), [session.as_str()]);
    let customers: BTreeSet<String> =
        open.iter().map(|one| one["customer"].as_str().unwrap().to_owned()).collect();
    assert_eq!(customers.len(), 1);
    app.stripe_faults(json!([{ "fault": "status", "status": 400 }])).await;
    let _ = post(&app, &user, "pro", page()).await.expect_problem(500, "internal");
}

#[tokio::test]
async fn pending_first_payment_blocks_checkout_and_changes() {
    let app = start().await;
    let user = app.user().await;
    let id = app.subscribe(&user, GOOD_CARD).await;
    app.stripe("POST", &format!("/_control/subscriptions/{id}"), json!({ "status": "incomplete" })).await;
    let _ = post(&app, &user, "pro", page()).await.expect_problem(409, "payment_pending");
    for path in ["cancel", "reactivate"] {
        let _ = post(&app, &user, path, Value::Null).await.expect_problem(409, "payment_pending");
    }
    assert_eq!(app.tier(&user).await, "basic");
    assert!(sessions(&app, "open").await.is_empty());
    app.stripe("POST", &format!("/_control/subscriptions/{id}"), json!({ "status": "incomplete_expired" }))
        .await;
    let _ = post(&app, &user, "pro", page()).await.expect(200);
}

#[tokio::test]
async fn customer_missing_at_stripe_is_replaced() {
    let app = start().await;
    let user = app.user().await;
    let _ = app.open_checkout(&user).await;
    let customer: String = app.query_value("SELECT customer_id FROM subscriptions").await;
    app.stripe("DELETE", &format!("/_control/customers/{customer}"), Value::Null).await;
    let id = app.subscribe(&user, GOOD_CARD).await;
    assert!(!id.is_empty() && app.tier(&user).await == "pro");
    assert_ne!(app.query_value::<String>("SELECT customer_id FROM subscriptions").await, customer);
}

#[tokio::test]
async fn other_prices_and_hosts_are_refused() {
    let app = start().await;
    let user = app.user().await;
    for (field, value, code) in [
        ("price_id", json!("price_for_nothing"), "price_not_offered"),
        ("success_url", json!("https://evil.example/"), "redirect_not_allowed"),
        ("cancel_url", json!("https://app.example.com.evil.example/"), "redirect_not_allowed"),
    ] {
        let mut body = page();
        body[field] = value;
        let response = post(&app, &user, "pro", body).await.expect_problem(422, code);
        assert!(response.text("/detail").starts_with(field));
    }
    let portal = json!({ "return_url": "https://evil.example/" });
    let _ = post(&app, &user, "portal", portal).await.expect_problem(422, "redirect_not_allowed");
    post(&app, &user, "pro", json!({})).await.expect_invalid(&["success_url", "cancel_url"]);
    post(&app, &user, "pro", json!({ "success_url": "http://app.example.com", "cancel_url": "x" }))
        .await
        .expect_invalid(&["success_url", "cancel_url"]);
}

/// Opens a checkout page with fields that the API does not have. They would put `other` on Pro.
async fn checkout_with_unknown_fields(app: &TestApp, user: &TestUser, other: &TestUser) -> String {
    let mut body = page();
    for (field, value) in [
        ("customer", json!("cus_1")),
        ("client_reference_id", json!(other.id)),
        ("user_id", json!(other.id)),
        ("line_items", json!([{ "price_data": { "unit_amount": 1 } }])),
        ("tier", json!("pro")),
        ("status", json!("active")),
        ("metadata", json!({ "user_id": other.id })),
        ("trial_period_days", json!(1_000)),
        ("mode", json!("setup")),
    ] {
        body[field] = value;
    }
    post(app, user, "pro", body).await.expect(200).text("/session_id")
}

#[tokio::test]
async fn client_input_cannot_put_anyone_on_pro() {
    let app = start().await;
    let (user, other) = (app.user().await, app.user().await);
    let session = checkout_with_unknown_fields(&app, &user, &other).await;
    let stored = app.stripe("GET", &format!("/v1/checkout/sessions/{session}"), Value::Null).await;
    assert_eq!((&stored["client_reference_id"], &stored["mode"]), (&json!(user.id), &json!("subscription")));
    app.deliver_all_events().await;
    assert_eq!(app.tier(&user).await, "basic");
    // A payment affects only the user who paid.
    app.pay_checkout(&session, GOOD_CARD).await;
    app.deliver_all_events().await;
    assert_eq!(app.tier(&other).await, "basic");
    for path in ["cancel", "reactivate"] {
        let _ = post(&app, &other, path, Value::Null).await.expect_problem(404, "no_subscription");
    }
    let portal = json!({ "return_url": "https://app.example.com/" });
    let _ = post(&app, &other, "portal", portal).await.expect_problem(404, "no_customer");
}

#[tokio::test]
async fn changes_of_a_subscription_are_limited() {
    let app = start().await;
    let user = app.user().await;
    for _ in 0..30 {
        let _ = post(&app, &user, "pro", page()).await.expect(200);
    }
    for change in ["pro", "cancel", "reactivate"] {
        let _ = post(&app, &user, change, page()).await.expect_problem(429, "rate_limited");
    }
    assert_eq!(calls(&app, "POST /v1/customers").await, 1);
}
