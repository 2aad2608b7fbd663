//! Payments: on checkout pages and of invoices, their refunds and their disputes.

use serde::Deserialize;
use serde_json::{Value, json};

use super::account::{Account, Outcome, by_id, by_id_mut, text};
use super::card::Card;
use super::error::StripeError;
use super::now;
use super::objects::{self, set};

/// The promotion code that takes the whole amount off the first invoice.
const FREE: &str = "FREE";

/// What a user enters on a checkout page.
#[derive(Deserialize)]
pub struct Payment {
    pub card: String,
    pub promotion_code: Option<String>,
}

/// A price to create, or to change if its id exists.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPrice {
    id: String,
    unit_amount: Option<i64>,
    currency: Option<String>,
    active: Option<bool>,
}

impl Account {
    pub fn set_price(&mut self, new: NewPrice) -> Outcome {
        if by_id(&self.prices, &new.id).is_none() {
            let mut price = objects::price(now());
            set(&mut price, json!({ "id": new.id }));
            self.prices.push(price);
        }
        let price = by_id_mut(&mut self.prices, "price", &new.id)?;
        if let Some(amount) = new.unit_amount {
            objects::set_amount(price, amount);
        }
        if let Some(currency) = new.currency {
            price["currency"] = currency.into();
        }
        if let Some(active) = new.active {
            price["active"] = active.into();
        }
        Ok(price.clone())
    }

    /// Pays on a checkout page. A card that needs the user's confirmation leaves the page open and
    /// the subscription incomplete.
    pub fn pay(&mut self, id: &str, payment: &Payment) -> Outcome {
        let session = self.find("sessions", id)?.clone();
        if session["status"] != "open" {
            return Err(StripeError::invalid("", "This page is no longer open."));
        }
        let card = Card::from_number(&payment.card);
        let card = card.ok_or_else(|| StripeError::invalid("card", "is not a card of the mock"))?;
        let is_free = is_free(&session, payment)?;
        if card == Card::Declined {
            return Err(StripeError::declined());
        }
        self.cards.insert(text(&session, "customer"), card);
        // An earlier attempt on this page has begun the subscription.
        if let Some(subscription) = session["subscription"].as_str() {
            let invoice = text(self.find("subscriptions", subscription)?, "latest_invoice");
            self.pay_invoice(&invoice, card)?;
            return self.find("sessions", id).cloned();
        }
        let (subscription, invoice) = self.begin(&session, is_free, card)?;
        let session = by_id_mut(&mut self.sessions, "checkout.session", id)?;
        session["subscription"] = subscription["id"].clone();
        session["invoice"] = invoice["id"].clone();
        self.emit("customer.subscription.created", &subscription);
        if subscription["status"] == "incomplete" {
            self.emit("invoice.payment_action_required", &invoice);
        } else {
            self.settle(&text(&invoice, "id"))?;
            self.complete_session(&text(&subscription, "id"));
        }
        self.find("sessions", id).cloned()
    }

    /// Begins the subscription of a checkout page, with its first invoice.
    fn begin(&mut self, session: &Value, is_free: bool, card: Card) -> Result<(Value, Value), StripeError> {
        let id = text(session, "id");
        let data = self.subscription_data.get(&id).cloned().unwrap_or_default();
        let price = self.session_prices.get(&id).map_or(objects::PRICE, String::as_str);
        let price = self.find("prices", price)?;
        let new = objects::NewSubscription {
            customer: session["customer"].as_str().unwrap_or_default(),
            metadata: &data.metadata,
            price,
            trial_days: data.trial_period_days,
        };
        let mut subscription = objects::subscription(&new, now());
        let is_due = !is_free && data.trial_period_days.is_none();
        let total = if is_due { objects::amount(price) } else { 0 };
        let invoice = objects::invoice(&subscription, "subscription_create", total, &self.base_url, now());
        subscription["latest_invoice"] = invoice["id"].clone();
        if total > 0 && card == Card::Confirmed {
            subscription["status"] = "incomplete".into();
        }
        self.subscriptions.push(subscription.clone());
        self.invoices.push(invoice.clone());
        Ok((subscription, invoice))
    }

    /// Pays an open invoice. A card that needs confirmation leaves it open.
    pub fn pay_invoice(&mut self, id: &str, card: Card) -> Outcome {
        let invoice = self.find("invoices", id)?.clone();
        if invoice["status"] != "open" {
            return Err(StripeError::invalid("", "Invoice is already paid"));
        }
        match card {
            Card::Declined => Err(StripeError::declined()),
            Card::Confirmed => {
                self.emit("invoice.payment_action_required", &invoice);
                Ok(invoice)
            }
            Card::Good | Card::GoodOnce => self.finish_payment(id, true),
        }
    }

    pub fn set_invoice(&mut self, id: &str, fields: &Value) -> Outcome {
        let invoice = by_id_mut(&mut self.invoices, "invoice", id)?;
        set(invoice, fields.clone());
        Ok(invoice.clone())
    }

    /// Ends the confirmation of a payment by the user: it is paid, or stays open.
    pub fn finish_payment(&mut self, id: &str, succeeds: bool) -> Outcome {
        let invoice = self.find("invoices", id)?.clone();
        if invoice["status"] != "open" {
            return Err(StripeError::invalid("", "Invoice is already paid"));
        }
        if !succeeds {
            self.emit("invoice.payment_failed", &invoice);
            return Ok(invoice);
        }
        self.settle(id)?;
        let subscription = text(&invoice["parent"]["subscription_details"], "subscription");
        self.change_subscription(&subscription, "updated", |one| {
            if one["status"] != "canceled" && one["latest_invoice"] == id {
                one["status"] = "active".into();
            }
            Ok(())
        })?;
        self.complete_session(&subscription);
        self.find("invoices", id).cloned()
    }

    /// Marks an invoice as paid, with its charge unless there was nothing to pay.
    pub fn settle(&mut self, id: &str) -> Result<(), StripeError> {
        let invoice = by_id_mut(&mut self.invoices, "invoice", id)?;
        let due = invoice["amount_due"].clone();
        set(
            invoice,
            json!({ "status": "paid", "amount_paid": due, "amount_remaining": 0, "auto_advance": false }),
        );
        let invoice = invoice.clone();
        if due != 0 {
            let charge = objects::charge(&invoice, now());
            self.invoice_payments.push(objects::invoice_payment(&invoice, &charge, now()));
            self.charges.push(charge.clone());
            self.emit("charge.succeeded", &charge);
        }
        self.emit("invoice.paid", &invoice);
        self.emit("invoice.payment_succeeded", &invoice);
        Ok(())
    }

    /// Completes the open checkout page that has begun `subscription`.
    fn complete_session(&mut self, subscription: &str) {
        let is_begun = |one: &&mut Value| one["status"] == "open" && one["subscription"] == subscription;
        let Some(session) = self.sessions.iter_mut().find(is_begun) else { return };
        let invoice = by_id(&self.invoices, session["invoice"].as_str().unwrap_or_default());
        let is_free = invoice.is_some_and(|invoice| invoice["amount_due"] == 0);
        let payment = if is_free { "no_payment_required" } else { "paid" };
        set(session, json!({ "status": "complete", "payment_status": payment, "url": null }));
        let session = session.clone();
        self.emit("checkout.session.completed", &session);
    }

    /// Refunds a charge, fully unless `amount` is given.
    pub fn refund(&mut self, id: &str, amount: Option<i64>) -> Outcome {
        let charge = by_id_mut(&mut self.charges, "charge", id)?;
        let before = charge.clone();
        let total = charge["amount"].as_i64().unwrap_or_default();
        let refunded = charge["amount_refunded"].as_i64().unwrap_or_default();
        let refunded = amount.map_or(total, |amount| (refunded + amount).min(total));
        set(charge, json!({ "amount_refunded": refunded, "refunded": refunded == total }));
        let charge = charge.clone();
        self.emit_change("charge.refunded", &before, &charge);
        Ok(charge)
    }

    /// Opens the dispute of a charge, or changes its status.
    pub fn dispute(&mut self, charge: &str, status: &str) -> Outcome {
        let disputed = by_id_mut(&mut self.charges, "charge", charge)?;
        disputed["disputed"] = true.into();
        let new = objects::dispute(disputed, status, now());
        let Some(dispute) = self.disputes.iter_mut().find(|one| one["charge"] == charge) else {
            self.disputes.push(new.clone());
            self.emit("charge.dispute.created", &new);
            return Ok(new);
        };
        let before = dispute.clone();
        dispute["status"] = status.into();
        let dispute = dispute.clone();
        let is_closed = matches!(status, "won" | "lost" | "warning_closed");
        let kind = if is_closed { "charge.dispute.closed" } else { "charge.dispute.updated" };
        self.emit_change(kind, &before, &dispute);
        Ok(dispute)
    }
}

fn is_free(session: &Value, payment: &Payment) -> Result<bool, StripeError> {
    match payment.promotion_code.as_deref() {
        None | Some("") => Ok(false),
        Some(FREE) if session["allow_promotion_codes"] == true => Ok(true),
        Some(_) => Err(StripeError::invalid("promotion_code", "This code is invalid.")),
    }
}
