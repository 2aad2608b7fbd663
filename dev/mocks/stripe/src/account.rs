//! An account at Stripe and its objects.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::card::Card;
use super::error::StripeError;
use super::faults::Fault;
use super::now;
use super::objects;
use super::params::{CreateCheckout, CreateCustomer, List, SubscriptionData};
use super::versions::{self, VERSION};

#[derive(Debug, Clone)]
pub struct StoredResponse {
    pub request_fingerprint: String,
    pub response: Outcome,
}

type Objects = Vec<Value>;

/// The object that a call returns.
pub type Outcome = Result<Value, StripeError>;

#[derive(Default, Serialize, Deserialize)]
pub struct Account {
    pub base_url: String,
    pub customers: Objects,
    products: Objects,
    pub prices: Objects,
    pub sessions: Objects,
    pub subscriptions: Objects,
    pub invoices: Objects,
    #[serde(default)]
    pub charges: Objects,
    #[serde(default)]
    pub invoice_payments: Objects,
    #[serde(default)]
    pub disputes: Objects,
    pub portal_sessions: Objects,
    pub events: Objects,
    pub cards: HashMap<String, Card>,
    /// The subscription that each checkout session begins.
    #[serde(default)]
    pub subscription_data: HashMap<String, SubscriptionData>,
    /// The price of each checkout session.
    #[serde(default)]
    pub session_prices: HashMap<String, String>,
    #[serde(skip)]
    pub stored_responses: HashMap<String, StoredResponse>,
    #[serde(skip)]
    pub faults: VecDeque<Fault>,
    #[serde(skip)]
    pub calls: BTreeMap<String, u64>,
    /// The number of events that were sent, or created while the account had no endpoint.
    sent: usize,
    /// Whether automatic delivery is stopped.
    pub hold: bool,
    /// Whether the customer portal lacks its configuration.
    #[serde(default)]
    pub portal_unconfigured: bool,
    /// The API version of the webhook endpoint.
    #[serde(default)]
    pub endpoint_version: Option<String>,
}

impl Account {
    pub fn new(base_url: &str) -> Self {
        let (products, prices) = (vec![objects::product(now())], vec![objects::price(now())]);
        Self { base_url: base_url.to_owned(), products, prices, ..Self::default() }
    }

    /// The type's name and the objects of a `kind`, as a path calls it.
    fn objects(&self, kind: &str) -> (&'static str, &[Value]) {
        match kind {
            "customers" => ("customer", &self.customers),
            "products" => ("product", &self.products),
            "prices" => ("price", &self.prices),
            "sessions" => ("checkout.session", &self.sessions),
            "subscriptions" => ("subscription", &self.subscriptions),
            "invoices" => ("invoice", &self.invoices),
            "charges" => ("charge", &self.charges),
            "invoice_payments" => ("invoice_payment", &self.invoice_payments),
            "disputes" => ("dispute", &self.disputes),
            _ => ("event", &self.events),
        }
    }

    pub fn find(&self, kind: &str, id: &str) -> Result<&Value, StripeError> {
        let (name, objects) = self.objects(kind);
        by_id(objects, id).ok_or_else(|| StripeError::missing(404, name, "id", id))
    }

    pub fn list(&self, kind: &str, filter: &List) -> Outcome {
        let (_, objects) = self.objects(kind);
        let url = format!("/v1/{}{kind}", if kind == "sessions" { "checkout/" } else { "" });
        if let Some(customer) = &filter.customer {
            self.check_customer(customer)?;
        }
        if filter.payment.as_ref().is_some_and(|payment| payment.kind != "payment_intent") {
            return Err(StripeError::invalid("payment[type]", "the mock supports payment_intent only"));
        }
        // By default, ended subscriptions are not listed.
        let default = if kind == "subscriptions" { "not ended" } else { "all" };
        let status = filter.status.as_deref().unwrap_or(default);
        let is_match = |one: &&Value| {
            let has = |field: &str, value: &Option<String>| {
                value.as_ref().is_none_or(|value| one[field] == value.as_str())
            };
            let is_status = match status {
                "all" => true,
                "not ended" => one["status"] != "canceled" && one["status"] != "incomplete_expired",
                status => one["status"] == status,
            };
            let paid_by = filter.payment.as_ref().and_then(|payment| payment.payment_intent.as_ref());
            let is_payment = paid_by.is_none_or(|intent| one["payment"]["payment_intent"] == intent.as_str());
            let is_owned = has("customer", &filter.customer) && has("subscription", &filter.subscription);
            is_owned && is_payment && is_status
        };
        let after = filter.starting_after.as_deref();
        let rest = objects.iter().rev().skip_while(|one| after.is_some_and(|after| one["id"] != after));
        let mut found = rest.skip(usize::from(after.is_some())).filter(is_match).cloned();
        let limit = filter.limit.unwrap_or(10);
        if !(1..=100).contains(&limit) {
            return Err(StripeError::invalid("limit", "limit must be between 1 and 100"));
        }
        let data: Vec<Value> = found.by_ref().take(limit).collect();
        Ok(json!({ "object": "list", "url": url, "has_more": found.next().is_some(), "data": data }))
    }

    fn check_customer(&self, id: &str) -> Result<(), StripeError> {
        let exists = by_id(&self.customers, id).is_some_and(|customer| customer["deleted"] != true);
        if exists { Ok(()) } else { Err(StripeError::missing(400, "customer", "customer", id)) }
    }

    pub fn create_customer(&mut self, new: &CreateCustomer) -> Value {
        let customer = objects::customer(new, now());
        self.customers.push(customer.clone());
        self.emit("customer.created", &customer);
        customer
    }

    pub fn create_checkout(&mut self, new: &CreateCheckout) -> Outcome {
        if new.mode != "subscription" {
            return Err(StripeError::invalid("mode", "the mock supports subscriptions only"));
        }
        self.check_customer(&new.customer)?;
        let [line] = new.line_items.as_slice() else {
            return Err(StripeError::invalid("line_items", "the mock supports one line item"));
        };
        let price = by_id(&self.prices, &line.price)
            .ok_or_else(|| StripeError::missing(400, "price", "line_items[0][price]", &line.price))?;
        if price["active"] != true {
            return Err(StripeError::inactive_price());
        }
        if new.subscription_data.trial_period_days == Some(0) {
            let message = "The minimum number of trial period days is 1.";
            return Err(StripeError::invalid("subscription_data[trial_period_days]", message));
        }
        if line.quantity != 1 {
            return Err(StripeError::invalid("line_items[0][quantity]", "the mock supports quantity 1"));
        }
        if new.collects_tax_id() && new.customer_update.get("name").is_none_or(|update| update != "auto") {
            let message = "Tax ID collection requires updating business name on the customer. To enable tax ID collection \
                           for an existing customer, please set `customer_update[name]` to `auto`.";
            return Err(StripeError::invalid("tax_id_collection", message));
        }
        let session = objects::checkout(new, price, &self.base_url, now());
        self.subscription_data.insert(text(&session, "id"), new.subscription_data.clone());
        self.session_prices.insert(text(&session, "id"), line.price.clone());
        self.sessions.push(session.clone());
        Ok(session)
    }

    pub fn expire_checkout(&mut self, id: &str) -> Outcome {
        let session = by_id_mut(&mut self.sessions, "checkout.session", id)?;
        if session["status"] != "open" {
            let message = "Only Checkout Sessions with a status in [\"open\"] can be expired.";
            return Err(StripeError::invalid("", message));
        }
        objects::set(session, json!({ "status": "expired", "url": null }));
        let session = session.clone();
        self.emit("checkout.session.expired", &session);
        Ok(session)
    }

    pub fn create_portal_session(&mut self, customer: &str, return_url: Option<&str>) -> Outcome {
        self.check_customer(customer)?;
        if self.portal_unconfigured {
            return Err(StripeError::portal_not_configured());
        }
        let session = objects::portal_session(customer, return_url, &self.base_url, now());
        self.portal_sessions.push(session.clone());
        Ok(session)
    }

    pub fn emit(&mut self, kind: &str, object: &Value) {
        self.events.push(objects::event(kind, object, now()));
    }

    /// Records an event about a change of an object, with the old values of what has changed.
    pub fn emit_change(&mut self, kind: &str, before: &Value, after: &Value) {
        let mut event = objects::event(kind, after, now());
        event["data"]["previous_attributes"] = versions::previous_attributes(before, after);
        self.events.push(event);
    }

    /// An event as the webhook endpoint gets it: in the endpoint's API version.
    pub fn rendered(&self, event: &Value) -> Value {
        let version = self.endpoint_version.as_deref().unwrap_or(VERSION);
        let mut event = versions::render(event.clone(), version);
        event["api_version"] = version.into();
        event
    }

    /// Takes the events to send now: none while delivery is stopped.
    pub fn take_unsent_events(&mut self) -> Vec<Value> {
        if self.hold {
            return Vec::new();
        }
        let unsent = self.events.get(self.sent..).unwrap_or_default();
        let unsent = unsent.iter().map(|event| self.rendered(event)).collect();
        self.sent = self.events.len();
        unsent
    }
}

pub fn by_id<'a>(objects: &'a [Value], id: &str) -> Option<&'a Value> {
    objects.iter().find(|one| one["id"] == id)
}

pub fn by_id_mut<'a>(objects: &'a mut [Value], name: &str, id: &str) -> Result<&'a mut Value, StripeError> {
    let found = objects.iter_mut().find(|one| one["id"] == id);
    found.ok_or_else(|| StripeError::missing(404, name, "id", id))
}

pub fn text(object: &Value, field: &str) -> String {
    object[field].as_str().unwrap_or_default().to_owned()
}
