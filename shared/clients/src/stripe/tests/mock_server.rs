//! The client against the mock Stripe, and the mock's objects against async-stripe's types, which
//! are generated from Stripe's own API description.

mod requests;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::UserId;
use domain::subscription::SubscriptionStatus;
use mock_stripe::{Forgery, MockStripe, PRICE, payload, sign};
use serde_json::{Value, json};
use stripe_billing::BillingPortalSession;
use stripe_shared::{
    Charge, CheckoutSession, Customer, Dispute, Invoice, InvoicePayment, Price, Product, Subscription,
};
use uuid::Uuid;

use super::super::webhook_signature::{SignatureError, verify};
use super::super::{self as stripe, BillingAddress, NewCheckout, Stripe, StripeConfig};

const GOOD: &str = "4242 4242 4242 4242";
const DECLINED: &str = "4000-0000-0000-0002";
const GOOD_ONCE: &str = "4000000000000341";

/// A running mock Stripe, a client for it, and a user.
struct Fixture {
    url: String,
    key: String,
    http: reqwest::Client,
    stripe: Stripe,
    user: UserId,
}

async fn start() -> Fixture {
    let (_, url, _) = MockStripe::start().await.unwrap();
    let key = "sk_test_of_the_tests".to_owned();
    let config = StripeConfig { base_url: url.clone(), secret_key: key.clone().into() };
    let http = crate::http::builder(crate::tls::client_config()).build().unwrap();
    Fixture { url, key, http, stripe: Stripe::new(&config).unwrap(), user: UserId(Uuid::new_v4()) }
}

impl Fixture {
    async fn call(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let request = self.http.request(method.parse().unwrap(), format!("{}{path}", self.url));
        let mut request = request.bearer_auth(&self.key);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap_or_default())
    }

    /// Submits a form, with the key of the account.
    async fn submit(&self, url: &str, fields: &[(&str, &str)]) -> reqwest::Response {
        let body = serde_qs::to_string(&fields.iter().copied().collect::<HashMap<_, _>>()).unwrap();
        let request = self.http.post(url).bearer_auth(&self.key).body(body);
        request.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap()
    }

    async fn control(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.call("POST", &format!("/_control/{path}"), Some(body)).await;
        assert!((200..300).contains(&status), "{path}: {answer}");
        answer
    }

    async fn customer(&self) -> String {
        self.stripe.create_customer(self.user, &format!("customer-{}", self.user)).await.unwrap()
    }

    async fn checkout(&self, customer: &str) -> stripe::CheckoutSession {
        self.stripe.create_checkout(&self.new_checkout(customer)).await.unwrap()
    }

    fn new_checkout<'a>(&self, customer: &'a str) -> NewCheckout<'a> {
        NewCheckout {
            customer_id: customer,
            user_id: self.user,
            price_id: PRICE,
            success_url: "http://localhost/paid?a=1&b=c+d%20e&session={CHECKOUT_SESSION_ID}",
            cancel_url: "http://localhost/?never=mind#there",
            tax_id_collection: true,
            billing_address: BillingAddress::Required,
            trial_days: None,
            promotion_codes: false,
        }
    }

    /// Pays for a new subscription with `card`. Returns the ids of customer and subscription.
    async fn subscribe(&self, card: &str) -> (String, String) {
        let customer = self.customer().await;
        let page = self.checkout(&customer).await;
        self.control(&format!("checkout/{}", page.id), json!({ "card": card })).await;
        let subscription = self.stripe.list_subscriptions(&customer).await.unwrap().remove(0);
        (customer, subscription.id)
    }

    async fn event_types(&self) -> Vec<String> {
        let (_, events) = self.call("GET", "/_control/events", None).await;
        events.as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    }
}

#[expect(clippy::disallowed_methods, reason = "the mock has a real clock")]
fn now() -> DateTime<Utc> {
    Utc::now()
}

/// Deserializes `object` with async-stripe's type.
fn parse<T: miniserde::Deserialize>(object: &Value) -> T {
    miniserde::json::from_str(&object.to_string())
        .unwrap_or_else(|_| panic!("async-stripe cannot read {object:#}"))
}

#[tokio::test]
async fn async_stripe_reads_every_object() {
    let fixture = start().await;
    let (customer, subscription) = fixture.subscribe(GOOD).await;
    let _ = fixture.checkout(&customer).await;
    fixture.control(&format!("subscriptions/{subscription}/renew"), json!({})).await;
    let get = async |path: &str| fixture.call("GET", path, None).await.1;
    let _: Customer = parse(&get(&format!("/v1/customers/{customer}")).await);
    let _: Product = parse(&get("/v1/products/prod_pro").await);
    let price: Price = parse(&get(&format!("/v1/prices/{PRICE}")).await);
    assert_eq!(price.unit_amount, Some(1499));
    let read: Subscription = parse(&get(&format!("/v1/subscriptions/{subscription}")).await);
    assert_eq!(read.metadata["user_id"], fixture.user.to_string());
    let pages: stripe_types::List<CheckoutSession> = parse(&get("/v1/checkout/sessions").await);
    assert_eq!(pages.data.len(), 2);
    let invoices: stripe_types::List<Invoice> = parse(&get("/v1/invoices").await);
    assert_eq!(invoices.data.len(), 2);
    let payments: stripe_types::List<InvoicePayment> = parse(&get("/v1/invoice_payments").await);
    assert_eq!(payments.data.len(), 2);
    let charges = get("/v1/charges").await;
    let _: stripe_types::List<Charge> = parse(&charges);
    let disputed = format!("charges/{}/dispute", charges["data"][0]["id"].as_str().unwrap());
    let dispute = fixture.control(&disputed, json!({ "status": "needs_response" })).await;
    let _: Dispute = parse(&get(&format!("/v1/disputes/{}", dispute["id"].as_str().unwrap())).await);
    let events: stripe_types::List<stripe_shared::Event> = parse(&get("/v1/events").await);
    assert!(events.data.len() > 5);
    let url = format!("{}/v1/billing_portal/sessions", fixture.url);
    let portal = fixture.submit(&url, &[("customer", &customer)]).await;
    let _: BillingPortalSession = parse(&portal.json().await.unwrap());
}

#[tokio::test]
async fn checkout_page_has_its_parameters_and_redirects_with_its_id() {
    let fixture = start().await;
    let customer = fixture.customer().await;
    let page = fixture.checkout(&customer).await;
    assert!(page.is_for(&fixture.new_checkout(&customer)));
    let (_, stored) = fixture.call("GET", &format!("/v1/checkout/sessions/{}", page.id), None).await;
    assert_eq!(stored["client_reference_id"], fixture.user.to_string());
    assert_eq!(
        (&stored["billing_address_collection"], &stored["tax_id_collection"]["enabled"]),
        (&json!("required"), &json!(true))
    );
    let html = fixture.http.get(page.url.as_deref().unwrap()).send().await.unwrap().text().await.unwrap();
    assert!(html.contains("$14.99") && html.contains("name=card"), "{html}");
    let pay = async |card: &str| fixture.submit(page.url.as_deref().unwrap(), &[("card", card)]).await;
    let declined = pay(DECLINED).await;
    assert!(declined.status() == 200 && declined.text().await.unwrap().contains("Your card was declined."));
    assert!(pay("1234").await.text().await.unwrap().contains("role=alert"));
    assert!(fixture.stripe.list_subscriptions(&customer).await.unwrap().is_empty());
    let paid = pay(GOOD).await;
    let location = paid.headers()["location"].to_str().unwrap();
    assert_eq!(
        (paid.status().as_u16(), location),
        (303, format!("http://localhost/paid?a=1&b=c+d%20e&session={}", page.id).as_str())
    );
    assert_eq!(pay(GOOD).await.status(), 404, "it cannot be paid for twice");
    assert!(fixture.stripe.list_open_checkouts(&customer).await.unwrap().is_empty());
    assert!(!fixture.stripe.expire_checkout(&page.id).await.unwrap());
}

#[tokio::test]
async fn subscription_renews_becomes_past_due_and_ends() {
    let fixture = start().await;
    let (customer, id) = fixture.subscribe(GOOD_ONCE).await;
    let one = async || fixture.stripe.find_subscription(&id).await.unwrap();
    assert_eq!(one().await.status, SubscriptionStatus::Active);
    assert!(fixture.stripe.set_cancel_at_period_end(&id, true).await.unwrap().cancel_at_period_end);
    assert!(!fixture.stripe.set_cancel_at_period_end(&id, false).await.unwrap().cancel_at_period_end);
    fixture.control(&format!("subscriptions/{id}/renew"), json!({})).await;
    assert_eq!(one().await.status, SubscriptionStatus::PastDue);
    let portal = fixture.stripe.create_portal(&customer, "http://localhost/back").await.unwrap();
    let card = fixture.submit(&portal, &[("action", "card"), ("card", GOOD)]).await;
    assert_eq!(card.status(), 200);
    assert_eq!(one().await.status, SubscriptionStatus::Active);
    fixture.control(&format!("subscriptions/{id}/give_up"), json!({})).await;
    assert_eq!(one().await.status, SubscriptionStatus::Canceled);
    fixture.stripe.cancel_subscription(&id).await.unwrap();
    let types = fixture.event_types().await;
    let count = |kind: &str| types.iter().filter(|one| *one == kind).count();
    assert_eq!((count("invoice.payment_failed"), count("invoice.payment_succeeded")), (1, 2));
    assert_eq!((count("customer.subscription.updated"), count("customer.subscription.deleted")), (4, 1));
}

#[tokio::test]
async fn cancellation_in_the_portal_can_be_reverted() {
    let fixture = start().await;
    let (customer, id) = fixture.subscribe(GOOD).await;
    let url = fixture.stripe.create_portal(&customer, "http://localhost/back").await.unwrap();
    let answer = fixture.submit(&url, &[("action", "cancel")]).await;
    assert!(answer.text().await.unwrap().contains("ends with its period"));
    assert!(fixture.stripe.find_subscription(&id).await.unwrap().cancel_at_period_end);
    assert!(!fixture.stripe.set_cancel_at_period_end(&id, false).await.unwrap().cancel_at_period_end);
    let answer = fixture.submit(&url, &[("action", "cancel")]).await;
    assert_eq!(answer.status(), 200);
    fixture.control(&format!("subscriptions/{id}/renew"), json!({})).await;
    assert_eq!(fixture.stripe.find_subscription(&id).await.unwrap().status, SubscriptionStatus::Canceled);
}

#[tokio::test]
async fn idempotent_request_is_performed_once() {
    let fixture = start().await;
    let customer = fixture.customer().await;
    assert_eq!(fixture.customer().await, customer);
    let other =
        fixture.stripe.create_customer(UserId(Uuid::new_v4()), &format!("customer-{}", fixture.user)).await;
    assert!(other.unwrap_err().to_string().contains("idempotency_error"));
    // The first response is lost; the client's retry gets the same response.
    fixture.control("faults", json!([{ "fault": "lost" }])).await;
    let page = fixture.checkout(&customer).await;
    let pages = fixture.stripe.list_open_checkouts(&customer).await.unwrap();
    assert_eq!(pages.iter().map(|page| &page.id).collect::<Vec<_>>(), [&page.id]);
    assert_eq!(fixture.call("GET", "/_control/calls", None).await.1["POST /v1/checkout/sessions"], 2);
}

#[tokio::test]
async fn faults_are_transient_or_permanent() {
    let fixture = start().await;
    let price = async || fixture.stripe.find_price(PRICE).await;
    for (status, is_transient) in
        [(500, true), (503, true), (429, true), (409, true), (400, false), (402, false), (404, false)]
    {
        fixture
            .control(
                "faults",
                json!([{ "fault": "status", "status": status }, { "fault": "status", "status": status }]),
            )
            .await;
        let outcome = price().await;
        assert_eq!(outcome.unwrap_err().is_transient(), is_transient, "{status}");
        fixture.control("faults", json!([])).await;
    }
    fixture.control("faults", json!([{ "fault": "status", "status": 503 }])).await;
    assert_eq!(price().await.unwrap().currency, "usd");
    fixture.control("faults", json!([{ "fault": "garbage" }])).await;
    assert!(!price().await.unwrap_err().is_transient());
    let missing = fixture.stripe.list_subscriptions("cus_none").await.unwrap_err();
    assert!(missing.is_missing_customer() && !missing.is_transient(), "{missing}");
    let config = StripeConfig { base_url: fixture.url.clone(), secret_key: "a wrong key".to_owned().into() };
    let refused = Stripe::new(&config).unwrap().find_price(PRICE).await.unwrap_err();
    assert!(!refused.is_transient() && !refused.to_string().contains("a wrong key"), "{refused}");
}

#[tokio::test]
async fn events_have_a_valid_signature_and_forgeries_do_not() {
    use Forgery as F;
    const SECRET: &str = "whsec_of_the_tests";
    let payload = payload(&json!({ "id": "evt_1", "object": "event" }));
    let check = |signature: &str, body: &str| verify(signature, body.as_bytes(), &[SECRET], now());
    assert_eq!(check(&sign(&payload, SECRET), &payload), Ok(()));
    for forgery in [
        F::Unsigned,
        F::Empty,
        F::Nonsense,
        F::OtherSecret,
        F::NoSecret,
        F::OtherBody,
        F::CutShort,
        F::OtherScheme,
        F::Timeless,
        F::OtherTime,
        F::Stale,
        F::Future,
        F::Reserialised,
    ] {
        let (signature, body) = forgery.of(&payload, SECRET);
        let outcome = check(&signature.unwrap_or_default(), &body);
        let is_stale = matches!(forgery, F::Stale | F::Future);
        assert_eq!(outcome == Err(SignatureError::Stale), is_stale, "{forgery:?}: {outcome:?}");
        assert!(outcome.is_err(), "{forgery:?}");
    }
}
