//! The stand-in against the types of async-stripe, which are generated out of Stripe's own description of its interface,
//! and what happens in it.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use chrono::{DateTime, Utc};
use clients::stripe::{BillingAddress, NewCheckout, Stripe, StripeConfig};
use domain::UserId;
use domain::subscription::SubscriptionStatus;
use domain::webhook_signature::{SignatureError, verify};
use mock_stripe::{Forgery, PRICE, StandIn, payload, sign};
use serde_json::{Value, json};
use stack::web;
use stripe_billing::BillingPortalSession;
use stripe_shared::{CheckoutSession, Customer, Invoice, Price, Product, Subscription};
use tokio::net::TcpListener;
use uuid::Uuid;

const GOOD: &str = "4242 4242 4242 4242";
const DECLINED: &str = "4000-0000-0000-0002";
const GOOD_ONCE: &str = "4000000000000341";

/// The stand-in on a port of its own, and our client for it.
struct Place {
    url: String,
    key: String,
    stripe: Stripe,
    user: UserId,
}

async fn start() -> Place {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let stand_in = StandIn::new(&url);
    tokio::spawn(stand_in.clone().serve(listener));
    let key = "sk_test_of_the_tests".to_owned();
    let config = StripeConfig { base_url: url.clone(), secret_key: key.clone().into() };
    Place { url, key, stripe: Stripe::new(&config).unwrap(), user: UserId(Uuid::new_v4()) }
}

impl Place {
    async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut request = web::client()
            .request(method.parse().unwrap(), format!("{}{path}", self.url))
            .bearer_auth(&self.key);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    async fn control(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.ask("POST", &format!("/_control/{path}"), Some(body)).await;
        assert!((200..300).contains(&status), "{path}: {answer}");
        answer
    }

    async fn customer(&self) -> String {
        self.stripe.create_customer(self.user, &format!("customer-{}", self.user)).await.unwrap()
    }

    async fn page(&self, customer: &str) -> clients::stripe::CheckoutSession {
        self.stripe.create_checkout(&self.wanted(customer)).await.unwrap()
    }

    fn wanted<'a>(&self, customer: &'a str) -> NewCheckout<'a> {
        NewCheckout {
            customer_id: customer,
            user_id: self.user,
            price_id: PRICE,
            success_url: "http://localhost/paid?a=1&b=c+d%20e&session={CHECKOUT_SESSION_ID}",
            cancel_url: "http://localhost/?never=mind#there",
            tax_id_collection: true,
            billing_address: BillingAddress::Required,
        }
    }

    /// Somebody who has paid with `card`: their customer and their subscription.
    async fn payer(&self, card: &str) -> (String, String) {
        let customer = self.customer().await;
        let page = self.page(&customer).await;
        self.control(&format!("checkout/{}", page.id), json!({ "card": card })).await;
        let subscription = self.stripe.list_subscriptions(&customer).await.unwrap().remove(0);
        (customer, subscription.id)
    }

    async fn kinds(&self) -> Vec<String> {
        let (_, events) = self.ask("GET", "/_control/events", None).await;
        events.as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    }
}

#[expect(clippy::disallowed_methods, reason = "the mock server has the machine's time")]
fn now() -> DateTime<Utc> {
    Utc::now()
}

/// `request` with a form that has `fields`.
fn form(request: reqwest::RequestBuilder, fields: &[(&str, &str)]) -> reqwest::RequestBuilder {
    let body = serde_qs::to_string(&fields.iter().copied().collect::<HashMap<_, _>>()).unwrap();
    request.header("content-type", "application/x-www-form-urlencoded").body(body)
}

/// Reads `object` as async-stripe does.
fn parse<T: miniserde::Deserialize>(object: &Value) -> T {
    miniserde::json::from_str(&object.to_string())
        .unwrap_or_else(|_| panic!("async-stripe cannot read {object:#}"))
}

#[tokio::test]
async fn every_object_is_what_async_stripe_reads() {
    let place = start().await;
    let (customer, subscription) = place.payer(GOOD).await;
    let _ = place.page(&customer).await;
    place.control(&format!("subscriptions/{subscription}/renew"), json!({})).await;
    let get = async |path: &str| place.ask("GET", path, None).await.1;
    let _: Customer = parse(&get(&format!("/v1/customers/{customer}")).await);
    let _: Product = parse(&get("/v1/products/prod_pro").await);
    let price: Price = parse(&get(&format!("/v1/prices/{PRICE}")).await);
    assert_eq!(price.unit_amount, Some(1499));
    let read: Subscription = parse(&get(&format!("/v1/subscriptions/{subscription}")).await);
    assert_eq!(read.metadata["user_id"], place.user.to_string());
    let pages: stripe_types::List<CheckoutSession> = parse(&get("/v1/checkout/sessions").await);
    assert_eq!(pages.data.len(), 2);
    let invoices: stripe_types::List<Invoice> = parse(&get("/v1/invoices").await);
    assert_eq!(invoices.data.len(), 2);
    let events: stripe_types::List<stripe_shared::Event> = parse(&get("/v1/events").await);
    assert!(events.data.len() > 5);
    let portal =
        web::client().post(format!("{}/v1/billing_portal/sessions", place.url)).bearer_auth(&place.key);
    let portal = form(portal, &[("customer", &customer)]).send().await.unwrap();
    let _: BillingPortalSession = parse(&portal.json().await.unwrap());
}

#[tokio::test]
async fn a_checkout_page_arrives_as_it_was_asked_for_and_leads_back_with_its_id() {
    let place = start().await;
    let customer = place.customer().await;
    let page = place.page(&customer).await;
    assert!(page.is_for(&place.wanted(&customer)));
    let (_, stored) = place.ask("GET", &format!("/v1/checkout/sessions/{}", page.id), None).await;
    assert_eq!(stored["client_reference_id"], place.user.to_string());
    assert_eq!(
        (&stored["billing_address_collection"], &stored["tax_id_collection"]["enabled"]),
        (&json!("required"), &json!(true))
    );
    let html = web::client().get(page.url.as_deref().unwrap()).send().await.unwrap().text().await.unwrap();
    assert!(html.contains("$14.99") && html.contains("name=card"), "{html}");
    let client =
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
    let pay = async |card: &str| {
        form(client.post(page.url.as_deref().unwrap()), &[("card", card)]).send().await.unwrap()
    };
    let declined = pay(DECLINED).await;
    assert!(declined.status() == 200 && declined.text().await.unwrap().contains("Your card was declined."));
    assert!(pay("1234").await.text().await.unwrap().contains("role=alert"));
    assert!(place.stripe.list_subscriptions(&customer).await.unwrap().is_empty());
    let paid = pay(GOOD).await;
    let location = paid.headers()["location"].to_str().unwrap();
    assert_eq!(
        (paid.status().as_u16(), location),
        (303, format!("http://localhost/paid?a=1&b=c+d%20e&session={}", page.id).as_str())
    );
    assert_eq!(pay(GOOD).await.status(), 404, "it cannot be paid for twice");
    assert!(place.stripe.list_open_checkouts(&customer).await.unwrap().is_empty());
    assert!(!place.stripe.expire_checkout(&page.id).await.unwrap());
}

#[tokio::test]
async fn a_subscription_lives_renews_fails_and_ends() {
    let place = start().await;
    let (customer, id) = place.payer(GOOD_ONCE).await;
    let one = async || place.stripe.find_subscription(&id).await.unwrap();
    assert_eq!(one().await.status, SubscriptionStatus::Active);
    assert!(place.stripe.set_cancel_at_period_end(&id, true).await.unwrap().cancel_at_period_end);
    assert!(!place.stripe.set_cancel_at_period_end(&id, false).await.unwrap().cancel_at_period_end);
    place.control(&format!("subscriptions/{id}/renew"), json!({})).await;
    assert_eq!(one().await.status, SubscriptionStatus::PastDue);
    let portal = place.stripe.create_portal(&customer, "http://localhost/back").await.unwrap();
    let card = form(web::client().post(&portal), &[("action", "card"), ("card", GOOD)]).send().await.unwrap();
    assert_eq!(card.status(), 200);
    assert_eq!(one().await.status, SubscriptionStatus::Active);
    place.control(&format!("subscriptions/{id}/give_up"), json!({})).await;
    assert_eq!(one().await.status, SubscriptionStatus::Canceled);
    place.stripe.cancel_subscription(&id).await.unwrap();
    let kinds = place.kinds().await;
    let told = |kind: &str| kinds.iter().filter(|one| *one == kind).count();
    assert_eq!((told("invoice.payment_failed"), told("invoice.payment_succeeded")), (1, 2));
    assert_eq!((told("customer.subscription.updated"), told("customer.subscription.deleted")), (4, 1));
}

#[tokio::test]
async fn what_the_portal_has_end_by_date_can_be_taken_back() {
    let place = start().await;
    let (customer, id) = place.payer(GOOD).await;
    let url = place.stripe.create_portal(&customer, "http://localhost/back").await.unwrap();
    let answer = form(web::client().post(&url), &[("action", "cancel")]).send().await.unwrap();
    assert!(answer.text().await.unwrap().contains("ends with its period"));
    assert!(place.stripe.find_subscription(&id).await.unwrap().cancel_at_period_end);
    assert!(!place.stripe.set_cancel_at_period_end(&id, false).await.unwrap().cancel_at_period_end);
    let answer = form(web::client().post(&url), &[("action", "cancel")]).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    place.control(&format!("subscriptions/{id}/renew"), json!({})).await;
    assert_eq!(place.stripe.find_subscription(&id).await.unwrap().status, SubscriptionStatus::Canceled);
}

#[tokio::test]
async fn a_request_is_done_once_however_often_it_is_sent() {
    let place = start().await;
    let once = place.customer().await;
    assert_eq!(place.customer().await, once);
    let other =
        place.stripe.create_customer(UserId(Uuid::new_v4()), &format!("customer-{}", place.user)).await;
    assert!(other.unwrap_err().to_string().contains("idempotency_error"));
    // The first answer is lost, and the second is that of the first.
    place.control("faults", json!([{ "fault": "lost" }])).await;
    let page = place.page(&once).await;
    let pages = place.stripe.list_open_checkouts(&once).await.unwrap();
    assert_eq!(pages.iter().map(|page| &page.id).collect::<Vec<_>>(), [&page.id]);
    assert_eq!(place.ask("GET", "/_control/calls", None).await.1["POST /v1/checkout/sessions"], 2);
}

#[tokio::test]
async fn faults_are_told_apart_by_whether_they_pass() {
    let place = start().await;
    let price = async || place.stripe.find_price(PRICE).await;
    for (status, passes) in
        [(500, true), (503, true), (429, true), (409, true), (400, false), (402, false), (404, false)]
    {
        place
            .control(
                "faults",
                json!([{ "fault": "status", "status": status }, { "fault": "status", "status": status }]),
            )
            .await;
        let outcome = price().await;
        assert_eq!(outcome.unwrap_err().is_passing(), passes, "{status}");
        place.control("faults", json!([])).await;
    }
    place.control("faults", json!([{ "fault": "status", "status": 503 }])).await;
    assert_eq!(price().await.unwrap().currency, "usd");
    place.control("faults", json!([{ "fault": "garbage" }])).await;
    assert!(!price().await.unwrap_err().is_passing());
    let missing = place.stripe.list_subscriptions("cus_none").await.unwrap_err();
    assert!(missing.is_missing_customer() && !missing.is_passing(), "{missing}");
    let config = StripeConfig { base_url: place.url.clone(), secret_key: "a wrong key".to_owned().into() };
    let refused = Stripe::new(&config).unwrap().find_price(PRICE).await.unwrap_err();
    assert!(!refused.is_passing() && !refused.to_string().contains("a wrong key"), "{refused}");
}

#[tokio::test]
async fn parameters_that_make_no_sense_are_refused_by_name() {
    let place = start().await;
    let post = async |path: &str, fields: &[(&str, &str)]| {
        let request = web::client().post(format!("{}{path}", place.url)).bearer_auth(&place.key);
        let request = form(request, fields);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap()["error"].clone())
    };
    let (status, error) = post("/v1/customers", &[("colour", "red")]).await;
    assert_eq!((status, &error["param"]), (400, &json!("colour")), "{error}");
    let (status, error) =
        post("/v1/checkout/sessions", &[("mode", "payment"), ("customer", "c"), ("success_url", "x")]).await;
    assert_eq!((status, &error["param"]), (400, &json!("mode")), "{error}");
    assert_eq!(post("/v1/nothing", &[]).await.0, 404);
    let accounts =
        web::client().get(format!("{}/v1/events", place.url)).bearer_auth("sk_test_another").send();
    assert_eq!(accounts.await.unwrap().json::<Value>().await.unwrap()["data"], json!([]));
    assert_eq!(web::client().get(format!("{}/v1/events", place.url)).send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn events_are_signed_as_stripe_does_and_forgeries_are_not() {
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
