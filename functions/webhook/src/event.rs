//! What is read of an event of Stripe's: whose it is. What has happened is read from Stripe itself, so an event that comes
//! twice, late, or before another does no harm.

use domain::UserId;
use serde::Deserialize;
use serde_json::Value;

/// The events after which a customer's subscriptions may be others than before.
const AFFECTING_SUBSCRIPTIONS: [&str; 12] = [
    "checkout.session.async_payment_failed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.completed",
    "customer.subscription.created",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    "customer.subscription.updated",
    "invoice.paid",
    "invoice.payment_action_required",
    "invoice.payment_failed",
    "invoice.payment_succeeded",
];

/// An event.
#[derive(Debug, Deserialize)]
pub(crate) struct Event {
    /// Stripe's id of it.
    pub(crate) id: String,
    /// What has happened.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    data: Data,
}

#[derive(Debug, Deserialize)]
struct Data {
    object: Object,
}

#[derive(Debug, Deserialize)]
struct Object {
    customer: Option<Customer>,
    /// What we have written on everything that Stripe keeps for somebody; others may have written anything.
    #[serde(default)]
    metadata: Value,
}

/// A reference, or where it is expanded the customer as a whole.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Customer {
    Id(String),
    Whole { id: String },
}

impl Event {
    /// Whether it tells of subscriptions at all.
    pub(crate) fn affects_subscription(&self) -> bool {
        AFFECTING_SUBSCRIPTIONS.contains(&self.kind.as_str())
    }

    /// Whose it is: an id as Stripe makes them.
    pub(crate) fn customer(&self) -> Option<&str> {
        let id = self.data.object.customer.as_ref().map(|customer| match customer {
            Customer::Id(id) | Customer::Whole { id } => id.as_str(),
        });
        id.filter(|id| id.len() <= 255 && id.bytes().all(|byte| byte.is_ascii_graphic()))
    }

    /// Whose it was when we had it made.
    pub(crate) fn user(&self) -> Option<UserId> {
        self.data.object.metadata.get("user_id")?.as_str()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_customer_is_found_as_a_reference_or_as_a_whole() {
        let event = |customer| {
            let object = json!({ "object": "invoice", "customer": customer, "whatever": [1] });
            let event =
                json!({ "id": "evt_1", "type": "invoice.paid", "data": { "object": object }, "new": {} });
            serde_json::from_value::<Event>(event).unwrap()
        };
        assert_eq!(event(json!("cus_1")).customer(), Some("cus_1"));
        assert_eq!(event(json!({ "id": "cus_2", "object": "customer" })).customer(), Some("cus_2"));
        for nobody in [json!(null), json!("cus_\u{0}"), json!("x".repeat(300)), json!("ü")] {
            assert_eq!(event(nobody).customer(), None);
        }
        assert!(event(json!(null)).affects_subscription());
        assert_eq!(event(json!(null)).user(), None);
        let user = "018f0000-0000-7000-8000-000000000001";
        for (metadata, expected) in
            [(json!({ "user_id": user }), true), (json!({ "user_id": "u" }), false), (json!([]), false)]
        {
            let event = json!({ "id": "evt_1", "type": "x", "data": { "object": { "metadata": metadata } } });
            assert_eq!(serde_json::from_value::<Event>(event).unwrap().user().is_some(), expected);
        }
    }
}
