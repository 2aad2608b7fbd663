//! New objects, with every field that Stripe always sends. Fields with one value are in
//! `objects.json`.

use std::sync::LazyLock;

use chrono::{DateTime, Months, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::params::{CreateCheckout, CreateCustomer, Metadata};

pub const VERSION: &str = "2026-09-30.endive";

/// The id of the price that every account has.
pub const PRICE: &str = "price_pro_monthly";

const PRODUCT: &str = "prod_pro";

/// The price in cents.
pub const AMOUNT: i64 = 1_499;

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
    let decimal = AMOUNT.to_string();
    let amount =
        json!({ "unit_amount": AMOUNT, "unit_amount_decimal": decimal, "id": PRICE, "product": PRODUCT });
    object("price", now, amount)
}

/// The same price as a plan, its predecessor in the API. Subscription items have both.
fn plan(now: DateTime<Utc>) -> Value {
    let decimal = AMOUNT.to_string();
    object(
        "plan",
        now,
        json!({ "amount": AMOUNT, "amount_decimal": decimal, "id": PRICE, "product": PRODUCT }),
    )
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

pub fn checkout(new: &CreateCheckout, base_url: &str, now: DateTime<Utc>) -> Value {
    let id = format!("cs_test_{}", Uuid::new_v4().simple());
    let collects_tax_id = new.collects_tax_id();
    let fields = json!({
        "id": id, "amount_subtotal": AMOUNT, "amount_total": AMOUNT, "customer": new.customer,
        "billing_address_collection": new.billing_address_collection, "cancel_url": new.cancel_url,
        "client_reference_id": new.client_reference_id, "expires_at": now.timestamp() + 86_400,
        "metadata": new.metadata, "success_url": new.success_url, "url": format!("{base_url}/c/pay/{id}"),
        "tax_id_collection": { "enabled": collects_tax_id, "required": "never" },
    });
    object("checkout.session", now, fields)
}

pub fn subscription(customer: &str, metadata: &Metadata, now: DateTime<Utc>) -> Value {
    let (id, start, end) = (id("sub"), now.timestamp(), month_after(now).timestamp());
    let item = json!({
        "id": self::id("si"), "current_period_start": start, "current_period_end": end, "plan": plan(now),
        "price": price(now), "subscription": id,
    });
    let items = json!({
        "object": "list", "data": [object("subscription_item", now, item)], "has_more": false, "total_count": 1,
        "url": format!("/v1/subscription_items?subscription={id}"),
    });
    let fields = json!({
        "id": id, "customer": customer, "billing_cycle_anchor": start, "start_date": start, "items": items,
        "metadata": metadata,
    });
    object("subscription", now, fields)
}

pub fn invoice(subscription: &Value, reason: &str, is_paid: bool, now: DateTime<Utc>) -> Value {
    let item = &subscription["items"]["data"][0];
    let (status, due, paid) = if is_paid { ("paid", 0, AMOUNT) } else { ("open", AMOUNT, 0) };
    let (id, created) = (id("in"), now.timestamp());
    let lines = format!("/v1/invoices/{id}/lines");
    let fields = json!({
        "id": id, "number": format!("A1B2C3D4-{}", &id[3..7]), "customer": subscription["customer"],
        "amount_due": AMOUNT, "amount_paid": paid, "amount_remaining": due, "subtotal": AMOUNT,
        "subtotal_excluding_tax": AMOUNT, "total": AMOUNT, "total_excluding_tax": AMOUNT,
        "auto_advance": !is_paid, "billing_reason": reason, "effective_at": created, "status": status,
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
