//! New objects, with every field that Stripe always sends.

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

pub fn id(prefix: &str) -> String {
    format!("{prefix}_{}", &Uuid::new_v4().simple().to_string()[..24])
}

pub fn product(now: DateTime<Utc>) -> Value {
    json!({
        "id": PRODUCT, "object": "product", "active": true, "created": now.timestamp(), "default_price": PRICE,
        "description": null, "images": [], "livemode": false, "marketing_features": [], "metadata": {}, "name": "Pro",
        "package_dimensions": null, "shippable": null, "statement_descriptor": null, "tax_code": null, "type": "service",
        "unit_label": null, "updated": now.timestamp(), "url": null,
    })
}

pub fn price(now: DateTime<Utc>) -> Value {
    json!({
        "id": PRICE, "object": "price", "active": true, "billing_scheme": "per_unit", "created": now.timestamp(),
        "currency": "usd", "custom_unit_amount": null, "livemode": false, "lookup_key": null, "metadata": {},
        "nickname": null, "product": PRODUCT, "tax_behavior": "unspecified", "tiers_mode": null, "transform_quantity": null,
        "type": "recurring", "unit_amount": AMOUNT, "unit_amount_decimal": AMOUNT.to_string(),
        "recurring": { "interval": "month", "interval_count": 1, "meter": null, "trial_period_days": null, "usage_type": "licensed" },
    })
}

/// The same price as a plan, its predecessor in the API. Subscription items have both.
fn plan(now: DateTime<Utc>) -> Value {
    json!({
        "id": PRICE, "object": "plan", "active": true, "amount": AMOUNT, "amount_decimal": AMOUNT.to_string(),
        "billing_scheme": "per_unit", "created": now.timestamp(), "currency": "usd", "interval": "month",
        "interval_count": 1, "livemode": false, "metadata": {}, "meter": null, "nickname": null, "product": PRODUCT,
        "tiers_mode": null, "transform_usage": null, "trial_period_days": null, "usage_type": "licensed",
    })
}

pub fn customer(new: &CreateCustomer, now: DateTime<Utc>) -> Value {
    json!({
        "id": id("cus"), "object": "customer", "address": null, "balance": 0, "created": now.timestamp(), "currency": null,
        "default_source": null, "delinquent": false, "description": null, "discount": null, "email": new.email,
        "invoice_prefix": "A1B2C3D4",
        "invoice_settings": {
            "custom_fields": null, "default_payment_method": null, "footer": null, "rendering_options": null,
        },
        "livemode": false, "metadata": new.metadata, "name": new.name, "next_invoice_sequence": 1, "phone": new.phone,
        "preferred_locales": [], "shipping": null, "tax_exempt": "none", "test_clock": null,
    })
}

pub fn checkout(new: &CreateCheckout, base_url: &str, now: DateTime<Utc>) -> Value {
    let id = format!("cs_test_{}", Uuid::new_v4().simple());
    json!({
        "id": id, "object": "checkout.session", "adaptive_pricing": null, "after_expiration": null,
        "allow_promotion_codes": null, "amount_subtotal": AMOUNT, "amount_total": AMOUNT,
        "automatic_tax": { "enabled": false, "liability": null, "provider": null, "status": null },
        "billing_address_collection": new.billing_address_collection, "cancel_url": new.cancel_url,
        "client_reference_id": new.client_reference_id, "client_secret": null, "collected_information": null,
        "consent": null, "consent_collection": null, "created": now.timestamp(), "currency": "usd",
        "currency_conversion": null, "custom_fields": [],
        "custom_text": {
            "after_submit": null, "shipping_address": null, "submit": null, "terms_of_service_acceptance": null,
        },
        "customer": new.customer, "customer_creation": null, "customer_details": null, "customer_email": null,
        "discounts": [], "expires_at": now.timestamp() + 86_400, "invoice": null, "invoice_creation": null,
        "livemode": false, "locale": null, "metadata": new.metadata, "mode": "subscription", "payment_intent": null,
        "payment_link": null, "payment_method_collection": "always", "payment_method_configuration_details": null,
        "payment_method_options": {}, "payment_method_types": ["card"], "payment_status": "unpaid",
        "permissions": null, "phone_number_collection": { "enabled": false }, "recovered_from": null,
        "saved_payment_method_options": null, "setup_intent": null, "shipping_address_collection": null,
        "shipping_cost": null, "shipping_options": [], "status": "open", "submit_type": null, "subscription": null,
        "success_url": new.success_url,
        "tax_id_collection": {
            "enabled": new.tax_id_collection.as_ref().is_some_and(|collection| collection.enabled), "required": "never",
        },
        "total_details": { "amount_discount": 0, "amount_shipping": 0, "amount_tax": 0 }, "ui_mode": "hosted_page",
        "url": format!("{base_url}/c/pay/{id}"), "wallet_options": null,
    })
}

pub fn subscription(customer: &str, metadata: &Metadata, now: DateTime<Utc>) -> Value {
    let (id, start) = (id("sub"), now.timestamp());
    let item = json!({
        "id": self::id("si"), "object": "subscription_item", "billing_thresholds": null, "created": start,
        "current_period_end": month_after(now).timestamp(), "current_period_start": start, "discounts": [],
        "metadata": {}, "plan": plan(now), "price": price(now), "quantity": 1, "subscription": id, "tax_rates": [],
    });
    json!({
        "id": id, "object": "subscription", "application": null, "application_fee_percent": null,
        "automatic_tax": { "disabled_reason": null, "enabled": false, "liability": null }, "billing_cycle_anchor": start,
        "billing_cycle_anchor_config": null,
        "billing_mode": { "flexible": { "proration_discounts": "included" }, "type": "flexible", "updated_at": null },
        "billing_schedules": [], "billing_thresholds": null, "cancel_at": null, "cancel_at_period_end": false,
        "canceled_at": null, "cancellation_details": { "comment": null, "feedback": null, "reason": null },
        "collection_method": "charge_automatically", "created": start, "currency": "usd", "customer": customer,
        "days_until_due": null, "default_payment_method": null, "default_source": null, "default_tax_rates": [],
        "description": null, "discounts": [], "ended_at": null,
        "invoice_settings": { "account_tax_ids": null, "issuer": { "type": "self" } },
        "items": {
            "object": "list", "data": [item], "has_more": false, "total_count": 1,
            "url": format!("/v1/subscription_items?subscription={id}"),
        },
        "latest_invoice": null, "livemode": false, "metadata": metadata, "next_pending_invoice_item_invoice": null,
        "on_behalf_of": null, "pause_collection": null,
        "payment_settings": {
            "payment_method_options": null, "payment_method_types": null, "save_default_payment_method": "off",
        },
        "pending_invoice_item_interval": null, "pending_setup_intent": null, "pending_update": null, "schedule": null,
        "start_date": start, "status": "active", "test_clock": null, "transfer_data": null, "trial_end": null,
        "trial_settings": { "end_behavior": { "missing_payment_method": "create_invoice" } }, "trial_start": null,
    })
}

pub fn invoice(subscription: &Value, reason: &str, is_paid: bool, now: DateTime<Utc>) -> Value {
    let item = &subscription["items"]["data"][0];
    let (due, paid) = if is_paid { (0, AMOUNT) } else { (AMOUNT, 0) };
    let id = id("in");
    json!({
        "id": id, "object": "invoice", "account_country": "US", "account_name": "Mock", "account_tax_ids": null,
        "amount_due": AMOUNT, "amount_overpaid": 0, "amount_paid": paid, "amount_remaining": due, "amount_shipping": 0,
        "application": null, "attempt_count": 1, "attempted": true, "auto_advance": !is_paid,
        "automatic_tax": { "disabled_reason": null, "enabled": false, "liability": null, "provider": null, "status": null },
        "automatically_finalizes_at": null, "billing_reason": reason, "collection_method": "charge_automatically",
        "created": now.timestamp(), "currency": "usd", "custom_fields": null, "customer": subscription["customer"],
        "customer_address": null, "customer_email": null, "customer_name": null, "customer_phone": null,
        "customer_shipping": null, "customer_tax_exempt": "none", "customer_tax_ids": [], "default_payment_method": null,
        "default_source": null, "default_tax_rates": [], "description": null, "discounts": [], "due_date": null,
        "effective_at": now.timestamp(), "ending_balance": 0, "footer": null, "from_invoice": null,
        "hosted_invoice_url": null, "invoice_pdf": null, "issuer": { "type": "self" }, "last_finalization_error": null,
        "latest_revision": null,
        "lines": {
            "object": "list", "data": [], "has_more": false, "total_count": 0, "url": format!("/v1/invoices/{id}/lines"),
        },
        "livemode": false, "metadata": {}, "next_payment_attempt": null, "number": format!("A1B2C3D4-{}", &id[3..7]),
        "on_behalf_of": null,
        "parent": {
            "quote_details": null, "type": "subscription_details",
            "subscription_details": { "metadata": subscription["metadata"], "subscription": subscription["id"] },
        },
        "payment_settings": { "default_mandate": null, "payment_method_options": null, "payment_method_types": null },
        "period_end": item["current_period_end"], "period_start": item["current_period_start"],
        "post_payment_credit_notes_amount": 0, "pre_payment_credit_notes_amount": 0, "receipt_number": null,
        "rendering": null, "shipping_cost": null, "shipping_details": null, "starting_balance": 0,
        "statement_descriptor": null, "status": if is_paid { "paid" } else { "open" },
        "status_transitions": {
            "finalized_at": now.timestamp(), "marked_uncollectible_at": null,
            "paid_at": is_paid.then(|| now.timestamp()), "voided_at": null,
        },
        "subtotal": AMOUNT, "subtotal_excluding_tax": AMOUNT, "test_clock": null, "total": AMOUNT,
        "total_discount_amounts": [], "total_excluding_tax": AMOUNT, "total_pretax_credit_amounts": [],
        "total_taxes": [], "webhooks_delivered_at": null,
    })
}

pub fn portal_session(customer: &str, return_url: Option<&str>, base_url: &str, now: DateTime<Utc>) -> Value {
    let id = id("bps");
    json!({
        "id": id, "object": "billing_portal.session", "configuration": "bpc_mock", "created": now.timestamp(),
        "customer": customer, "flow": null, "livemode": false, "locale": null, "on_behalf_of": null,
        "return_url": return_url, "url": format!("{base_url}/p/session/{id}"),
    })
}

pub fn event(kind: &str, object: &Value, now: DateTime<Utc>) -> Value {
    json!({
        "id": id("evt"), "object": "event", "api_version": VERSION, "created": now.timestamp(),
        "data": { "object": object }, "livemode": false, "pending_webhooks": 1,
        "request": { "id": null, "idempotency_key": null }, "type": kind,
    })
}

pub fn month_after(start: DateTime<Utc>) -> DateTime<Utc> {
    start.checked_add_months(Months::new(1)).unwrap_or(start)
}
