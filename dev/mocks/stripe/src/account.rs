//! An account at Stripe: what it has.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::VendorError;
use super::faults::Faults;
use super::now;
use super::objects;
use super::params::{CreateCheckout, CreateCustomer, List, Metadata};

/// A card, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Card {
    /// `4242 4242 4242 4242`: pays.
    Good,
    /// `4000 0000 0000 0002`: is declined.
    Declined,
    /// `4000 0000 0000 0341`: pays when it is entered, and never after.
    GoodOnce,
}

impl Card {
    /// The card with this number, however it is written.
    pub(super) fn numbered(number: &str) -> Option<Self> {
        match number.chars().filter(|one| !one.is_whitespace() && *one != '-').collect::<String>().as_str() {
            "4242424242424242" => Some(Self::Good),
            "4000000000000002" => Some(Self::Declined),
            "4000000000000341" => Some(Self::GoodOnce),
            _ => None,
        }
    }
}

/// The answer to a request that had an idempotency key.
#[derive(Debug, Clone)]
pub(super) struct Replay {
    pub(super) request: String,
    pub(super) answer: Result<Value, VendorError>,
}

/// Objects of one kind, by id; newest last.
type Objects = Vec<Value>;

/// An account.
#[derive(Serialize, Deserialize)]
pub(super) struct Account {
    address: String,
    pub(super) customers: Objects,
    products: Objects,
    prices: Objects,
    pub(super) sessions: Objects,
    pub(super) subscriptions: Objects,
    pub(super) invoices: Objects,
    pub(super) portals: Objects,
    pub(super) events: Objects,
    /// What each customer's payments are tried with.
    pub(super) cards: HashMap<String, Card>,
    /// What the subscription of a checkout page is to have with it.
    pub(super) sold: HashMap<String, Metadata>,
    #[serde(skip)]
    pub(super) replays: HashMap<String, Replay>,
    #[serde(skip)]
    pub(super) faults: Faults,
    #[serde(skip)]
    pub(super) calls: BTreeMap<String, u64>,
    /// How many of the events were sent, or are kept for good.
    sent: usize,
    pub(super) hold: bool,
}

impl Account {
    pub(super) fn new(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            products: vec![objects::product(now())],
            prices: vec![objects::price(now())],
            customers: Vec::new(),
            sessions: Vec::new(),
            subscriptions: Vec::new(),
            invoices: Vec::new(),
            portals: Vec::new(),
            events: Vec::new(),
            cards: HashMap::new(),
            sold: HashMap::new(),
            replays: HashMap::new(),
            faults: Faults::default(),
            calls: BTreeMap::new(),
            sent: 0,
            hold: false,
        }
    }

    /// Has the pages that are opened from now on be at `address`.
    pub(super) fn move_to(&mut self, address: &str) {
        address.clone_into(&mut self.address);
    }

    /// The object `id` of the kind that a path calls `kind`.
    pub(super) fn find(&self, kind: &str, id: &str) -> Result<&Value, VendorError> {
        let (what, objects) = match kind {
            "customers" => ("customer", &self.customers),
            "products" => ("product", &self.products),
            "prices" => ("price", &self.prices),
            "sessions" => ("checkout.session", &self.sessions),
            "subscriptions" => ("subscription", &self.subscriptions),
            "invoices" => ("invoice", &self.invoices),
            _ => ("event", &self.events),
        };
        by_id(objects, id).ok_or_else(|| VendorError::missing(404, what, "id", id))
    }

    /// A page of objects, the newest first.
    pub(super) fn list(&self, kind: &str, wanted: &List) -> Result<Value, VendorError> {
        let (objects, url) = match kind {
            "sessions" => (&self.sessions, "/v1/checkout/sessions"),
            "subscriptions" => (&self.subscriptions, "/v1/subscriptions"),
            "invoices" => (&self.invoices, "/v1/invoices"),
            _ => (&self.events, "/v1/events"),
        };
        if let Some(customer) = &wanted.customer {
            self.living_customer(customer)?;
        }
        // Without a word of it, subscriptions that are over are not listed.
        let status =
            wanted.status.as_deref().unwrap_or(if kind == "subscriptions" { "lasting" } else { "all" });
        let fits = |one: &&Value| {
            let has = |field: &str, value: &Option<String>| {
                value.as_ref().is_none_or(|value| one[field] == value.as_str())
            };
            let is_status = match status {
                "all" => true,
                "lasting" => one["status"] != "canceled" && one["status"] != "incomplete_expired",
                status => one["status"] == status,
            };
            has("customer", &wanted.customer) && has("subscription", &wanted.subscription) && is_status
        };
        let after = wanted.starting_after.as_deref();
        let rest = objects.iter().rev().skip_while(|one| after.is_some_and(|after| one["id"] != after));
        let mut found = rest.skip(usize::from(after.is_some())).filter(fits).cloned();
        let limit = wanted.limit.unwrap_or(10);
        if !(1..=100).contains(&limit) {
            return Err(VendorError::invalid("limit", "limit must be between 1 and 100"));
        }
        let data: Vec<Value> = found.by_ref().take(limit).collect();
        Ok(json!({ "object": "list", "url": url, "has_more": found.next().is_some(), "data": data }))
    }

    fn living_customer(&self, id: &str) -> Result<(), VendorError> {
        let lives = by_id(&self.customers, id).is_some_and(|customer| customer["deleted"] != true);
        if lives { Ok(()) } else { Err(VendorError::missing(400, "customer", "customer", id)) }
    }

    pub(super) fn create_customer(&mut self, new: &CreateCustomer) -> Value {
        let customer = objects::customer(new, now());
        self.customers.push(customer.clone());
        self.tell("customer.created", &customer);
        customer
    }

    pub(super) fn create_checkout(&mut self, new: &CreateCheckout) -> Result<Value, VendorError> {
        if new.mode != "subscription" {
            return Err(VendorError::invalid("mode", "the stand-in has subscriptions only"));
        }
        self.living_customer(&new.customer)?;
        let [line] = new.line_items.as_slice() else {
            return Err(VendorError::invalid("line_items", "the stand-in takes one line item"));
        };
        by_id(&self.prices, &line.price)
            .ok_or_else(|| VendorError::missing(400, "price", "line_items[0][price]", &line.price))?;
        if line.quantity != 1 {
            return Err(VendorError::invalid("line_items[0][quantity]", "the stand-in sells one at a time"));
        }
        let asks_tax_id = new.tax_id_collection.as_ref().is_some_and(|collection| collection.enabled);
        if asks_tax_id && new.customer_update.get("name").is_none_or(|update| update != "auto") {
            let message = "Tax ID collection requires updating business name on the customer. To enable tax ID collection \
                           for an existing customer, please set `customer_update[name]` to `auto`.";
            return Err(VendorError::invalid("tax_id_collection", message));
        }
        let session = objects::checkout(new, &self.address, now());
        self.sold.insert(text(&session, "id"), new.subscription_data.metadata.clone());
        self.sessions.push(session.clone());
        Ok(session)
    }

    pub(super) fn expire_checkout(&mut self, id: &str) -> Result<Value, VendorError> {
        self.find("sessions", id)?;
        let session = by_id_mut(&mut self.sessions, id)?;
        if session["status"] != "open" {
            let message = "Only Checkout Sessions with a status in [\"open\"] can be expired.";
            return Err(VendorError::invalid("", message));
        }
        session["status"] = "expired".into();
        session["url"] = Value::Null;
        let session = session.clone();
        self.tell("checkout.session.expired", &session);
        Ok(session)
    }

    pub(super) fn create_portal(
        &mut self,
        customer: &str,
        return_url: Option<&str>,
    ) -> Result<Value, VendorError> {
        self.living_customer(customer)?;
        let portal = objects::portal(customer, return_url, &self.address, now());
        self.portals.push(portal.clone());
        Ok(portal)
    }

    pub(super) fn tell(&mut self, kind: &str, object: &Value) {
        self.events.push(objects::event(kind, object, now()));
    }

    /// The events that are to be sent now: none while they are held.
    pub(super) fn take_unsent(&mut self) -> Vec<Value> {
        if self.hold {
            return Vec::new();
        }
        let fresh = self.events.get(self.sent..).unwrap_or_default().to_vec();
        self.sent = self.events.len();
        fresh
    }
}

pub(super) fn by_id<'a>(objects: &'a [Value], id: &str) -> Option<&'a Value> {
    objects.iter().find(|one| one["id"] == id)
}

pub(super) fn by_id_mut<'a>(objects: &'a mut [Value], id: &str) -> Result<&'a mut Value, VendorError> {
    let found = objects.iter_mut().find(|one| one["id"] == id);
    found.ok_or_else(|| VendorError::missing(404, "object", "id", id))
}

pub(super) fn text(object: &Value, field: &str) -> String {
    object[field].as_str().unwrap_or_default().to_owned()
}
