//! What happens to an account as time goes by and people click.

use serde_json::{Value, json};

use super::account::{Account, Card, by_id_mut, text};
use super::error::VendorError;
use super::now;
use super::objects::{self, month_after};
use super::params::{Metadata, UpdateSubscription};

impl Account {
    /// A subscription that is begun in the dashboard, by an invoice that is paid.
    pub(super) fn begin(&mut self, customer: &str) -> Value {
        let subscription = objects::subscription(customer, &Metadata::new(), now());
        self.subscriptions.push(subscription.clone());
        self.tell("customer.subscription.created", &subscription);
        subscription
    }

    /// What a person does on the checkout page: the subscription begins, if the card pays.
    pub(super) fn pay(&mut self, session: &str, card: Card) -> Result<Value, VendorError> {
        let open = self.find("sessions", session)?;
        if open["status"] != "open" {
            return Err(VendorError::invalid("", "This page is not open any more."));
        }
        if card == Card::Declined {
            return Err(VendorError::declined());
        }
        let customer = text(open, "customer");
        let metadata = self.sold.get(session).cloned().unwrap_or_default();
        let mut subscription = objects::subscription(&customer, &metadata, now());
        let invoice = objects::invoice(&subscription, "subscription_create", true, now());
        subscription["latest_invoice"] = invoice["id"].clone();
        self.cards.insert(customer, card);
        self.subscriptions.push(subscription.clone());
        self.invoices.push(invoice.clone());
        let page = by_id_mut(&mut self.sessions, session)?;
        page["status"] = "complete".into();
        page["payment_status"] = "paid".into();
        page["subscription"] = subscription["id"].clone();
        page["invoice"] = invoice["id"].clone();
        page["url"] = Value::Null;
        let page = page.clone();
        self.tell("customer.subscription.created", &subscription);
        self.tell("invoice.paid", &invoice);
        self.tell("invoice.payment_succeeded", &invoice);
        self.tell("checkout.session.completed", &page);
        Ok(page)
    }

    pub(super) fn update_subscription(
        &mut self,
        id: &str,
        update: UpdateSubscription,
    ) -> Result<Value, VendorError> {
        self.find("subscriptions", id)?;
        let subscription = by_id_mut(&mut self.subscriptions, id)?;
        if subscription["status"] == "canceled" {
            let message = "A canceled subscription can only update its cancellation_details and metadata.";
            return Err(VendorError::invalid("", message));
        }
        match (update.cancel_at_period_end, update.cancel_at.as_deref()) {
            (Some(_), Some(_)) => {
                let message =
                    "You may only specify one of these parameters: cancel_at, cancel_at_period_end.";
                return Err(VendorError::invalid("cancel_at", message));
            }
            (Some(cancel), None) => set_cancel(subscription, cancel),
            (None, Some("")) => subscription["cancel_at"] = Value::Null,
            (None, Some(_)) => {
                return Err(VendorError::invalid("cancel_at", "the stand-in only takes it away"));
            }
            (None, None) => {}
        }
        if let Some(metadata) = update.metadata {
            subscription["metadata"] = json!(metadata);
        }
        let subscription = subscription.clone();
        self.tell("customer.subscription.updated", &subscription);
        Ok(subscription)
    }

    /// How the portal has a subscription end: by a date, as it does where the billing mode is flexible.
    pub(super) fn end_by_date(&mut self, id: &str) -> Result<(), VendorError> {
        let subscription = by_id_mut(&mut self.subscriptions, id)?;
        subscription["cancel_at"] = subscription["items"]["data"][0]["current_period_end"].clone();
        let subscription = subscription.clone();
        self.tell("customer.subscription.updated", &subscription);
        Ok(())
    }

    /// Ends a subscription at once.
    pub(super) fn end(&mut self, id: &str) -> Result<Value, VendorError> {
        self.find("subscriptions", id)?;
        let subscription = by_id_mut(&mut self.subscriptions, id)?;
        if subscription["status"] == "canceled" {
            return Err(VendorError::missing(404, "subscription", "id", id));
        }
        let ended = now().timestamp();
        for (field, value) in
            [("status", json!("canceled")), ("ended_at", json!(ended)), ("canceled_at", json!(ended))]
        {
            subscription[field] = value;
        }
        let subscription = subscription.clone();
        self.tell("customer.subscription.deleted", &subscription);
        Ok(subscription)
    }

    /// The period of a subscription ends now, and another begins, or none.
    pub(super) fn renew(&mut self, id: &str) -> Result<Value, VendorError> {
        let subscription = self.find("subscriptions", id)?;
        if subscription["cancel_at_period_end"] == true || !subscription["cancel_at"].is_null() {
            return self.end(id);
        }
        let is_paid = self.cards.get(&text(subscription, "customer")) == Some(&Card::Good);
        let now = now();
        let subscription = by_id_mut(&mut self.subscriptions, id)?;
        let item = &mut subscription["items"]["data"][0];
        item["current_period_start"] = now.timestamp().into();
        item["current_period_end"] = month_after(now).timestamp().into();
        subscription["status"] = if is_paid { "active" } else { "past_due" }.into();
        let invoice = objects::invoice(subscription, "subscription_cycle", is_paid, now);
        subscription["latest_invoice"] = invoice["id"].clone();
        let subscription = subscription.clone();
        self.invoices.push(invoice.clone());
        if is_paid {
            self.tell("invoice.paid", &invoice);
            self.tell("invoice.payment_succeeded", &invoice);
        } else {
            self.tell("invoice.payment_failed", &invoice);
        }
        self.tell("customer.subscription.updated", &subscription);
        Ok(subscription)
    }

    /// A new card for a customer, with which what is due is tried again.
    pub(super) fn change_card(&mut self, customer: &str, card: Card) -> Result<(), VendorError> {
        if card == Card::Declined {
            return Err(VendorError::declined());
        }
        self.cards.insert(customer.to_owned(), card);
        let due: Vec<String> = self
            .subscriptions
            .iter()
            .filter(|one| one["customer"] == customer && one["status"] == "past_due" && card == Card::Good)
            .map(|one| text(one, "id"))
            .collect();
        for id in due {
            let subscription = by_id_mut(&mut self.subscriptions, &id)?;
            subscription["status"] = "active".into();
            let subscription = subscription.clone();
            let invoice = by_id_mut(&mut self.invoices, &text(&subscription, "latest_invoice"))?;
            invoice["status"] = "paid".into();
            invoice["amount_paid"] = invoice["amount_due"].clone();
            invoice["amount_remaining"] = 0.into();
            let invoice = invoice.clone();
            self.tell("invoice.paid", &invoice);
            self.tell("invoice.payment_succeeded", &invoice);
            self.tell("customer.subscription.updated", &subscription);
        }
        Ok(())
    }

    /// Sets fields of a subscription as no client could.
    pub(super) fn set(&mut self, id: &str, fields: &Value) -> Result<Value, VendorError> {
        let subscription = by_id_mut(&mut self.subscriptions, id)?;
        for (name, value) in fields.as_object().into_iter().flatten() {
            match name.as_str() {
                "current_period_start" | "current_period_end" => {
                    subscription["items"]["data"][0][name] = value.clone();
                }
                name => subscription[name] = value.clone(),
            }
        }
        let subscription = subscription.clone();
        self.tell("customer.subscription.updated", &subscription);
        Ok(subscription)
    }

    /// Deletes a customer, whose subscriptions end with it.
    pub(super) fn delete_customer(&mut self, id: &str) -> Result<Value, VendorError> {
        self.find("customers", id)?;
        let lasting = |one: &&Value| one["customer"] == id && one["status"] != "canceled";
        let ids: Vec<String> = self.subscriptions.iter().filter(lasting).map(|one| text(one, "id")).collect();
        for subscription in ids {
            self.end(&subscription)?;
        }
        let deleted = json!({ "id": id, "object": "customer", "deleted": true });
        *by_id_mut(&mut self.customers, id)? = deleted.clone();
        self.tell("customer.deleted", &deleted);
        Ok(deleted)
    }
}

fn set_cancel(subscription: &mut Value, cancel: bool) {
    subscription["cancel_at_period_end"] = cancel.into();
    let end = subscription["items"]["data"][0]["current_period_end"].clone();
    subscription["cancel_at"] = if cancel { end } else { Value::Null };
    subscription["canceled_at"] = if cancel { now().timestamp().into() } else { Value::Null };
}
