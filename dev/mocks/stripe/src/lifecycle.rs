//! What the user, Stripe and time do to an account's subscriptions.

use serde::Deserialize;
use serde_json::{Value, json};

use super::account::{Account, Outcome, by_id_mut, text};
use super::card::Card;
use super::error::StripeError;
use super::now;
use super::objects::{self, month_after, set};
use super::params::{Metadata, UpdateSubscription};

/// A subscription to create in the dashboard.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewSubscription {
    customer: String,
    #[serde(default)]
    metadata: Metadata,
    price: Option<String>,
}

impl Account {
    /// Creates a subscription as an operator does in the dashboard.
    pub fn create_subscription(&mut self, new: &NewSubscription) -> Outcome {
        let price = self.find("prices", new.price.as_deref().unwrap_or(objects::PRICE))?;
        let (customer, metadata) = (new.customer.as_str(), &new.metadata);
        let new = objects::NewSubscription { customer, metadata, price, trial_days: None };
        let subscription = objects::subscription(&new, now());
        self.subscriptions.push(subscription.clone());
        self.emit("customer.subscription.created", &subscription);
        Ok(subscription)
    }

    pub fn update_subscription(&mut self, id: &str, update: UpdateSubscription) -> Outcome {
        self.change_subscription(id, "updated", |subscription| {
            if subscription["status"] == "canceled" {
                let message =
                    "A canceled subscription can only update its cancellation_details and metadata.";
                return Err(StripeError::invalid("", message));
            }
            let changes_end = update.cancel_at_period_end.is_some() || update.cancel_at.is_some();
            if let Some(schedule) = subscription["schedule"].as_str().filter(|_| changes_end) {
                return Err(StripeError::managed_by_schedule(schedule));
            }
            match (update.cancel_at_period_end, update.cancel_at.as_deref()) {
                (Some(_), Some(_)) => {
                    let message =
                        "You may only specify one of these parameters: cancel_at, cancel_at_period_end.";
                    return Err(StripeError::invalid("cancel_at", message));
                }
                (Some(cancel), None) => {
                    let (end, now) = (period_end(subscription), now().timestamp());
                    let (cancel_at, canceled_at) = (cancel.then_some(end), cancel.then_some(now));
                    let fields = json!({ "cancel_at": cancel_at, "canceled_at": canceled_at });
                    set(subscription, fields);
                    subscription["cancel_at_period_end"] = cancel.into();
                }
                (None, Some("")) => subscription["cancel_at"] = Value::Null,
                (None, Some(_)) => {
                    return Err(StripeError::invalid("cancel_at", "the mock can only remove it"));
                }
                (None, None) => {}
            }
            if let Some(metadata) = update.metadata {
                subscription["metadata"] = json!(metadata);
            }
            Ok(())
        })
    }

    /// Sets `cancel_at` to the period's end, as the portal does in flexible billing mode.
    pub fn cancel_at_period_end(&mut self, id: &str) -> Outcome {
        self.change_subscription(id, "updated", |subscription| {
            subscription["cancel_at"] = period_end(subscription);
            Ok(())
        })
    }

    pub fn cancel(&mut self, id: &str) -> Outcome {
        self.change_subscription(id, "deleted", |subscription| {
            if subscription["status"] == "canceled" {
                return Err(StripeError::missing(404, "subscription", "id", id));
            }
            let now = now().timestamp();
            set(subscription, json!({ "status": "canceled", "ended_at": now, "canceled_at": now }));
            Ok(())
        })
    }

    /// Ends the period of a subscription now. The next begins unless the subscription is to end.
    pub fn renew(&mut self, id: &str) -> Outcome {
        let subscription = by_id_mut(&mut self.subscriptions, "subscription", id)?;
        if subscription["cancel_at_period_end"] == true || !subscription["cancel_at"].is_null() {
            return self.cancel(id);
        }
        let before = subscription.clone();
        let card = self.cards.get(&text(subscription, "customer")).copied();
        let is_paid = card == Some(Card::Good);
        let now = now();
        let (start, end) = (now.timestamp(), month_after(now).timestamp());
        let period = json!({ "current_period_start": start, "current_period_end": end });
        set(&mut subscription["items"]["data"][0], period);
        subscription["status"] = if is_paid { "active" } else { "past_due" }.into();
        let total = objects::amount(&subscription["items"]["data"][0]["price"]);
        let invoice = objects::invoice(subscription, "subscription_cycle", total, &self.base_url, now);
        subscription["latest_invoice"] = invoice["id"].clone();
        let subscription = subscription.clone();
        self.invoices.push(invoice.clone());
        if is_paid {
            self.settle(&text(&invoice, "id"))?;
        } else {
            self.emit("invoice.payment_failed", &invoice);
        }
        if card == Some(Card::Confirmed) {
            self.emit("invoice.payment_action_required", &invoice);
        }
        self.emit_change("customer.subscription.updated", &before, &subscription);
        Ok(subscription)
    }

    pub fn change_card(&mut self, customer: &str, card: Card) -> Result<(), StripeError> {
        if card == Card::Declined {
            return Err(StripeError::declined());
        }
        self.cards.insert(customer.to_owned(), card);
        let is_due = |one: &Value| one["status"] == "past_due" && card == Card::Good;
        for id in self.subscriptions_of(customer, is_due) {
            let invoice = text(self.find("subscriptions", &id)?, "latest_invoice");
            self.pay_invoice(&invoice, card)?;
        }
        Ok(())
    }

    pub fn set_subscription(&mut self, id: &str, fields: &Value) -> Outcome {
        self.change_subscription(id, "updated", |subscription| {
            for (name, value) in fields.as_object().into_iter().flatten() {
                let is_of_item =
                    matches!(name.as_str(), "current_period_start" | "current_period_end" | "price");
                let object =
                    if is_of_item { &mut subscription["items"]["data"][0] } else { &mut *subscription };
                object[name] = value.clone();
            }
            Ok(())
        })
    }

    pub fn delete_customer(&mut self, id: &str) -> Outcome {
        self.find("customers", id)?;
        for subscription in self.subscriptions_of(id, |one| one["status"] != "canceled") {
            self.cancel(&subscription)?;
        }
        let deleted = json!({ "id": id, "object": "customer", "deleted": true });
        *by_id_mut(&mut self.customers, "customer", id)? = deleted.clone();
        self.emit("customer.deleted", &deleted);
        Ok(deleted)
    }

    fn subscriptions_of(&self, customer: &str, is_wanted: impl Fn(&Value) -> bool) -> Vec<String> {
        let wanted = self.subscriptions.iter().filter(|one| one["customer"] == customer && is_wanted(one));
        wanted.map(|one| text(one, "id")).collect()
    }

    pub fn change_subscription(
        &mut self,
        id: &str,
        event: &str,
        change: impl FnOnce(&mut Value) -> Result<(), StripeError>,
    ) -> Outcome {
        let subscription = by_id_mut(&mut self.subscriptions, "subscription", id)?;
        let before = subscription.clone();
        change(subscription)?;
        let subscription = subscription.clone();
        match event {
            "updated" => self.emit_change("customer.subscription.updated", &before, &subscription),
            event => self.emit(&format!("customer.subscription.{event}"), &subscription),
        }
        Ok(subscription)
    }
}

fn period_end(subscription: &Value) -> Value {
    subscription["items"]["data"][0]["current_period_end"].clone()
}
