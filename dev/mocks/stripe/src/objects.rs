//! New objects, with every field that Stripe always sends. Fields with one value are in
//! `objects.json`.

use std::sync::LazyLock;

use chrono::{DateTime, Days, Months, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::params::{CreateCheckout, CreateCustomer, Metadata};
pub use super::versions::VERSION;

/// The id of the price that every account has.
pub const PRICE: &str = "price_pro_monthly";

const PRODUCT: &str = "prod_pro";

/// That price in cents.
const AMOUNT: i64 = 1_499;

#[expect(clippy::expect_used, reason = "the file is part of the program")]
static TEMPLATES: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("objects.json")).expect("objects.json is JSON"));

pub fn id(prefix: &str) -> String {
    format!("{prefix}_{}", &Uuid::new_v4().simple().to_string()[..24])
}

fn object(name: &str, now: DateTime<Utc>, fields: Value) -> Value {
    let mut object = TEMPLATES[name].clone();
    set(&mut object, json!({ "object": name, "created": now.timestamp() }));
    set(&mut object, fields);
    object
}

/// Sets some fields of an object.
pub fn set(object: &mut Value, fields: Value) {
    if let (Some(object), Value::Object(fields)) = (object.as_object_mut(), fields) {
        object.extend(fields);
    }
}

pub fn product(now: DateTime<Utc>) -> Value {
    object("product", now, json!({ "id": PRODUCT, "default_price": PRICE, "updated": now.timestamp() }))
}

pub fn price(now: DateTime<Utc>) -> Value {
    let mut price = object("price", now, json!({ "id": PRICE, "product": PRODUCT }));
    set_amount(&mut price, AMOUNT);
    price
}

pub fn set_amount(price: &mut Value, amount: i64) {
    set(price, json!({ "unit_amount": amount, "unit_amount_decimal": amount.to_string() }));
}

/// In the smallest unit of the price's currency.
pub fn amount(price: &Value) -> i64 {
    price["unit_amount"].as_i64().unwrap_or_default()
}

/// The price as a plan, its predecessor in the API. Subscription items have both.
fn plan(price: &Value, now: DateTime<Utc>) -> Value {
    let fields = json!({
        "amount": price["unit_amount"], "amount_decimal": price["unit_amount_decimal"],
        "currency": price["currency"], "id": price["id"], "product": PRODUCT,
    });
    object("plan", now, fields)
}

pub fn customer(new: &CreateCustomer, now: DateTime<Utc>) -> Value {
    let CreateCustomer { metadata, email, name, phone } = new;
    let id = id("cus");
    object(
        "customer",
        now,
        json!({ "id": id, "metadata": metadata, "email": email, "name": name, "phone": phone }),
    )
}

pub fn checkout(new: &CreateCheckout, price: &Value, base_url: &str, now: DateTime<Utc>) -> Value {
    let id = format!("cs_test_{}", Uuid::new_v4().simple());
    let collects_tax_id = new.collects_tax_id();
    let total = if new.subscription_data.trial_period_days.is_some() { 0 } else { amount(price) };
    let fields = json!({
        "id": id, "amount_subtotal": total, "amount_total": total, "customer": new.customer,
        "allow_promotion_codes": new.allow_promotion_codes, "currency": price["currency"],
        "billing_address_collection": new.billing_address_collection, "cancel_url": new.cancel_url,
        "client_reference_id": new.client_reference_id, "expires_at": now.timestamp() + 86_400,
        "metadata": new.metadata, "success_url": new.success_url, "url": format!("{base_url}/c/pay/{id}"),
        "tax_id_collection": { "enabled": collects_tax_id, "required": "never" },
    });
    object("checkout.session", now, fields)
}

/// What a subscription is made from.
pub struct NewSubscription<'a> {
    pub customer: &'a str,
    pub metadata: &'a Metadata,
    pub price: &'a Value,
    pub trial_days: Option<u32>,
}

pub fn subscription(new: &NewSubscription<'_>, now: DateTime<Utc>) -> Value {
    let trial_end = new.trial_days.map(|days| now + Days::new(u64::from(days)));
    let (id, start) = (id("sub"), now.timestamp());
    let end = trial_end.unwrap_or_else(|| month_after(now)).timestamp();
    let item = json!({
        "id": self::id("si"), "current_period_start": start, "current_period_end": end,
        "plan": plan(new.price, now), "price": new.price, "subscription": id,
    });
    let items = json!({
        "object": "list", "data": [object("subscription_item", now, item)], "has_more": false, "total_count": 1,
        "url": format!("/v1/subscription_items?subscription={id}"),
    });
    let fields = json!({
        "id": id, "customer": new.customer, "billing_cycle_anchor": start, "start_date": start, "items": items,
        "metadata": new.metadata, "currency": new.price["currency"],
        "status": if trial_end.is_some() { "trialing" } else { "active" },
        "trial_start": trial_end.map(|_| start), "trial_end": trial_end.map(|_| end),
    });
    object("subscription", now, fields)
}

/// An open invoice of `total`, or a paid one if there is nothing to pay.
pub fn invoice(subscription: &Value, reason: &str, total: i64, base_url: &str, now: DateTime<Utc>) -> Value {
    let item = &subscription["items"]["data"][0];
    let (id, created, is_paid) = (id("in"), now.timestamp(), total == 0);
    let lines = format!("/v1/invoices/{id}/lines");
    let fields = json!({
        "id": id, "number": format!("A1B2C3D4-{}", &id[3..7]), "customer": subscription["customer"],
        "currency": subscription["currency"], "amount_due": total, "amount_paid": 0,
        "amount_remaining": total, "subtotal": total, "subtotal_excluding_tax": total, "total": total,
        "total_excluding_tax": total, "auto_advance": !is_paid, "billing_reason": reason,
        "effective_at": created, "status": if is_paid { "paid" } else { "open" },
        "hosted_invoice_url": format!("{base_url}/i/{id}"),
        "lines": { "object": "list", "data": [], "has_more": false, "total_count": 0, "url": lines },
        "parent": {
            "quote_details": null, "type": "subscription_details",
            "subscription_details": { "metadata": subscription["metadata"], "subscription": subscription["id"] },
        },
        "period_end": item["current_period_end"], "period_start": item["current_period_start"],
        "status_transitions": {
            "finalized_at": created, "marked_uncollectible_at": null, "paid_at": is_paid.then_some(created),
            "voided_at": null,
        },
    });
    object("invoice", now, fields)
}

/// The charge that paid `invoice`.
pub fn charge(invoice: &Value, now: DateTime<Utc>) -> Value {
    let total = &invoice["amount_due"];
    let fields = json!({
        "id": id("ch"), "amount": total, "amount_captured": total, "currency": invoice["currency"],
        "customer": invoice["customer"], "payment_intent": id("pi"),
    });
    object("charge", now, fields)
}

/// The payment of `invoice` by `charge`.
pub fn invoice_payment(invoice: &Value, charge: &Value, now: DateTime<Utc>) -> Value {
    let fields = json!({
        "id": id("inpay"), "amount_paid": charge["amount"], "amount_requested": charge["amount"],
        "currency": charge["currency"], "invoice": invoice["id"],
        "payment": { "type": "payment_intent", "payment_intent": charge["payment_intent"] },
        "status_transitions": { "canceled_at": null, "paid_at": now.timestamp() },
    });
    object("invoice_payment", now, fields)
}

pub fn dispute(charge: &Value, status: &str, now: DateTime<Utc>) -> Value {
    let fields = json!({
        "id": id("du"), "amount": charge["amount"], "charge": charge["id"], "currency": charge["currency"],
        "payment_intent": charge["payment_intent"], "status": status,
    });
    object("dispute", now, fields)
}

pub fn portal_session(customer: &str, return_url: Option<&str>, base_url: &str, now: DateTime<Utc>) -> Value {
    let id = id("bps");
    let url = format!("{base_url}/p/session/{id}");
    let fields = json!({ "id": id, "customer": customer, "return_url": return_url, "url": url });
    object("billing_portal.session", now, fields)
}

pub fn event(kind: &str, subject: &Value, now: DateTime<Utc>) -> Value {
    let id = id("evt");
    let fields = json!({ "id": id, "api_version": VERSION, "data": { "object": subject }, "type": kind });
    object("event", now, fields)
}

pub fn month_after(start: DateTime<Utc>) -> DateTime<Utc> {
    start.checked_add_months(Months::new(1)).unwrap_or(start)
}
