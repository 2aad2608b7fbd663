//! Requests: authentication, API versions and parameters.

use serde_json::{Value, json};

use super::super::super::{self as stripe, NewCheckout};
use super::{GOOD, start};

#[tokio::test]
async fn key_is_accepted_as_basic_user_name_and_errors_have_the_id_of_their_request() {
    let fixture = start().await;
    let customer = fixture.customer().await;
    let url = format!("{}/v1/customers/{customer}", fixture.url);
    let basic = async |key: &str| fixture.http.get(&url).basic_auth(key, Some("")).send().await.unwrap();
    let found = basic(&fixture.key).await;
    assert!(found.headers()["request-id"].to_str().unwrap().starts_with("req_"));
    assert_eq!(found.json::<Value>().await.unwrap()["id"], customer);
    assert_eq!(basic("nobody").await.status(), 401);
    let error = fixture.stripe.find_price("price_none").await.unwrap_err();
    assert!(error.to_string().contains("(request req_"), "{error}");
    let present = stripe::Customer::Present { user_id: Some(fixture.user) };
    assert_eq!(fixture.stripe.find_customer(&customer).await.unwrap(), present);
    fixture.call("DELETE", &format!("/_control/customers/{customer}"), None).await;
    assert_eq!(fixture.stripe.find_customer(&customer).await.unwrap(), stripe::Customer::Deleted);
    assert_eq!(fixture.stripe.find_customer("cus_none").await.unwrap(), stripe::Customer::Missing);
}

#[tokio::test]
async fn objects_have_the_form_of_the_requested_version() {
    let fixture = start().await;
    let (_, id) = fixture.subscribe(GOOD).await;
    let get = async |version: &str| {
        let request = fixture.http.get(format!("{}/v1/subscriptions/{id}", fixture.url));
        let request = request.bearer_auth(&fixture.key).header("stripe-version", version);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json::<Value>().await.unwrap())
    };
    let (_, old) = get("2024-06-20").await;
    assert!(old["current_period_end"].is_i64() && old["items"]["data"][0]["current_period_end"].is_null());
    let (_, new) = get("2026-01-28.clover").await;
    assert!(new["current_period_end"].is_null() && new["items"]["data"][0]["current_period_end"].is_i64());
    assert_eq!(get("2012-13-14").await.0, 400);
}

#[tokio::test]
async fn page_with_a_trial_or_promotion_codes_is_another_page() {
    let fixture = start().await;
    let customer = fixture.customer().await;
    let plain = fixture.new_checkout(&customer);
    let trial = NewCheckout { trial_days: Some(14), ..plain };
    let codes = NewCheckout { promotion_codes: true, ..plain };
    for new in [&plain, &trial, &codes] {
        let page = fixture.stripe.create_checkout(new).await.unwrap();
        let fits = [&plain, &trial, &codes].map(|other| page.is_for(other));
        assert_eq!(fits, [&plain, &trial, &codes].map(|other| std::ptr::eq(other, new)));
    }
}

#[tokio::test]
async fn refused_key_is_not_taken_for_a_page_that_was_paid() {
    let fixture = start().await;
    let customer = fixture.customer().await;
    let page = fixture.checkout(&customer).await;
    fixture.control("faults", json!([{ "fault": "status", "status": 403 }])).await;
    assert!(fixture.stripe.expire_checkout(&page.id).await.is_err());
    assert!(fixture.stripe.expire_checkout(&page.id).await.unwrap());
    assert!(!fixture.stripe.expire_checkout(&page.id).await.unwrap());
}

#[tokio::test]
async fn invalid_parameters_are_refused_by_name() {
    let fixture = start().await;
    let post = async |path: &str, fields: &[(&str, &str)]| {
        let answer = fixture.submit(&format!("{}{path}", fixture.url), fields).await;
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap()["error"].clone())
    };
    let (status, error) = post("/v1/customers", &[("colour", "red")]).await;
    assert_eq!((status, &error["param"]), (400, &json!("colour")), "{error}");
    let (status, error) =
        post("/v1/checkout/sessions", &[("mode", "payment"), ("customer", "c"), ("success_url", "x")]).await;
    assert_eq!((status, &error["param"]), (400, &json!("mode")), "{error}");
    assert_eq!(post("/v1/nothing", &[]).await.0, 404);
    let accounts =
        fixture.http.get(format!("{}/v1/events", fixture.url)).bearer_auth("sk_test_another").send();
    assert_eq!(accounts.await.unwrap().json::<Value>().await.unwrap()["data"], json!([]));
    assert_eq!(fixture.http.get(format!("{}/v1/events", fixture.url)).send().await.unwrap().status(), 401);
}
