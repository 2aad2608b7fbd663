//! Requests and responses on the wire. `mock_server.rs` tests the effects against the mock Stripe.

mod mock_server;

use domain::subscription::SubscriptionStatus;
use serde_json::{Value, json};
use wiremock::matchers::{header, header_exists, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use domain::UserId;
use domain::subscription::Subscription;
use uuid::Uuid;

use super::*;

fn stripe_at(base_url: &str) -> Stripe {
    let config = StripeConfig { base_url: base_url.to_owned(), secret_key: "sk_test_1".to_owned().into() };
    Stripe::new(&config).unwrap()
}

/// A subscription whose period is from 100 to 200, with `fields` over the defaults.
fn subscription(fields: &Value) -> Value {
    let item = json!({ "current_period_start": 100, "current_period_end": 200, "new": {} });
    let mut subscription = json!({
        "id": "sub_1", "status": "active", "created": 50, "cancel_at_period_end": false, "cancel_at": null,
        "items": { "data": [item] }, "whatever": ["comes"],
    });
    subscription.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    subscription
}

async fn read(fields: Value) -> Subscription {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_body_json(subscription(&fields));
    Mock::given(method("GET")).and(path("/v1/subscriptions/sub_1")).respond_with(answer).mount(&server).await;
    stripe_at(&server.uri()).find_subscription("sub_1").await.unwrap()
}

#[tokio::test]
async fn request_has_secret_key_version_and_idempotency_key() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/v1/customers"))
        .and(header("authorization", "Bearer sk_test_1"))
        .and(header("stripe-version", "2026-09-30.endive"))
        .and(header("idempotency-key", "once"))
        .and(header("content-type", "application/x-www-form-urlencoded"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "id": "cus_1" })))
        .expect(1)
        .mount(&server)
        .await;
    let user = UserId(Uuid::nil());
    assert_eq!(stripe_at(&server.uri()).create_customer(user, "once").await.unwrap(), "cus_1");
}

#[tokio::test]
async fn server_error_is_retried_under_another_key_and_refusal_is_not_retried() {
    for (status, times) in [(500, 2), (409, 2), (400, 1), (402, 1)] {
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(status).set_body_json(json!({ "error": { "message": "no" } }));
        Mock::given(header_exists("idempotency-key")).respond_with(answer).expect(times).mount(&server).await;
        let user = UserId(Uuid::nil());
        stripe_at(&server.uri()).create_customer(user, "once").await.unwrap_err();
        let keys: Vec<String> = server.received_requests().await.unwrap().iter().map(key_of).collect();
        let second = if status == 500 { "once-2" } else { "once" };
        assert!(keys.iter().skip(1).all(|key| key == second), "{status}: {keys:?}");
    }
}

fn key_of(request: &wiremock::Request) -> String {
    request.headers["idempotency-key"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn stripe_should_retry_header_overrides_the_status() {
    for (status, header, is_transient) in [(500, "false", false), (400, "true", true)] {
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(status).insert_header("stripe-should-retry", header);
        Mock::given(method("GET")).respond_with(answer).mount(&server).await;
        let error = stripe_at(&server.uri()).find_price("price_1").await.unwrap_err();
        assert_eq!(error.is_transient(), is_transient, "{status} {header}: {error}");
    }
}

#[tokio::test]
async fn subscription_ends_with_its_period_if_cancel_at_is_no_later() {
    assert!(!read(json!({})).await.cancel_at_period_end);
    assert!(read(json!({ "cancel_at_period_end": true })).await.cancel_at_period_end);
    assert!(read(json!({ "cancel_at": 200 })).await.cancel_at_period_end);
    assert!(!read(json!({ "cancel_at": 201 })).await.cancel_at_period_end);
}

#[tokio::test]
async fn unknown_status_and_missing_period_are_no_error() {
    let odd = read(json!({ "status": "dreaming", "items": { "data": [] } })).await;
    assert_eq!((odd.status, odd.period_end), (SubscriptionStatus::Unknown, None));
}

#[tokio::test]
async fn stripe_redirect_is_not_followed_and_no_error_contains_the_key() {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(302).insert_header("location", "http://127.0.0.1:1/");
    Mock::given(method("GET")).respond_with(answer).expect(1).mount(&server).await;
    let error = stripe_at(&server.uri()).find_price("price_1").await.unwrap_err();
    assert!(!error.is_transient() && !format!("{error:?}").contains("sk_test_1"), "{error:?}");
    assert!(!format!("{:?}", stripe_at(&server.uri())).contains("sk_test_1"));
    for address in ["", "stripe", "ftp://stripe", "http:"] {
        let config = StripeConfig { base_url: address.to_owned(), secret_key: "sk_test_1".to_owned().into() };
        assert!(Stripe::new(&config).is_err(), "{address}");
    }
}
