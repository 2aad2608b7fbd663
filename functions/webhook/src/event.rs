//! The fields of a Stripe event that are used: its id, its type, and the customer it belongs to.
//! The state of the subscription is read from Stripe instead, so duplicate, late and reordered
//! events do no harm.

use domain::UserId;
use serde::Deserialize;
use serde_json::Value;
use services::billing::Reversal;

/// The types of events that may change a customer's subscriptions.
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

/// The types of events about which an operator must decide: whether the user keeps Pro, and what to
/// answer to the bank.
const FOR_OPERATORS: [&str; 3] = ["charge.dispute.closed", "charge.dispute.created", "charge.refunded"];

/// A Stripe event.
#[derive(Debug, Deserialize)]
pub(crate) struct Event {
    /// Stripe's id of the event.
    pub(crate) id: String,
    /// The type of the event.
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
    #[serde(default)]
    id: Value,
    customer: Option<Customer>,
    /// Of an invoice: its subscription. Other objects may have anything there.
    #[serde(default)]
    parent: Value,
    /// As in `parent`, in API versions before `2025-03-31.basil`.
    #[serde(default)]
    subscription_details: Value,
    /// This service writes the user's id into the metadata of all its objects. Objects of others
    /// may have anything there.
    #[serde(default)]
    metadata: Value,
}

/// The customer's id, or the whole customer where Stripe expands the reference.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Customer {
    Id(String),
    Whole { id: String },
}

impl Event {
    /// Whether the event may have changed subscriptions.
    pub(crate) fn affects_subscription(&self) -> bool {
        AFFECTING_SUBSCRIPTIONS.contains(&self.kind.as_str())
    }

    /// Whether an operator must know of the event.
    pub(crate) fn is_for_operators(&self) -> bool {
        FOR_OPERATORS.contains(&self.kind.as_str())
    }

    /// The customer's id, if it has the form of an id.
    pub(crate) fn customer(&self) -> Option<&str> {
        let id = self.data.object.customer.as_ref().map(|customer| match customer {
            Customer::Id(id) | Customer::Whole { id } => id.as_str(),
        });
        id.filter(|id| is_id(id))
    }

    /// The user's id in the metadata of the object or of the subscription behind an invoice.
    pub(crate) fn user(&self) -> Option<UserId> {
        let Object { metadata, parent, subscription_details, .. } = &self.data.object;
        let of_subscription = parent.get("subscription_details").unwrap_or(subscription_details);
        [Some(metadata), of_subscription.get("metadata")]
            .into_iter()
            .flatten()
            .find_map(|metadata| metadata.get("user_id")?.as_str()?.parse().ok())
    }

    /// The payment that an event for operators says was taken back.
    pub(crate) fn reversal(&self) -> Option<Reversal<'_>> {
        let id = self.data.object.id.as_str().filter(|id| is_id(id))?;
        match self.kind.as_str() {
            "charge.refunded" => Some(Reversal::Refund(id)),
            _ if self.is_for_operators() => Some(Reversal::Dispute(id)),
            _ => None,
        }
    }
}

/// Whether `text` has the form of an id of Stripe, and is safe in a path.
fn is_id(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    !text.is_empty() && text.len() <= 255 && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(object: &Value) -> Event {
        let event = json!({ "id": "evt_1", "type": "invoice.paid", "data": { "object": object }, "new": {} });
        serde_json::from_value(event).unwrap()
    }

    #[test]
    fn customer_is_read_as_an_id_or_as_a_whole() {
        let customer = |customer: Value| {
            event(&json!({ "customer": customer, "other": [1] })).customer().map(str::to_owned)
        };
        assert_eq!(customer(json!("cus_1")).as_deref(), Some("cus_1"));
        assert_eq!(customer(json!({ "id": "cus_2", "object": "customer" })).as_deref(), Some("cus_2"));
        for invalid in
            [json!(null), json!("cus_\u{0}"), json!("x".repeat(300)), json!("ü"), json!("../cus_1")]
        {
            assert_eq!(customer(invalid), None);
        }
    }

    #[test]
    fn user_is_read_from_the_metadata() {
        let user = |metadata: Value| event(&json!({ "metadata": metadata })).user();
        assert!(user(json!({ "user_id": "018f0000-0000-7000-8000-000000000001" })).is_some());
        assert!(user(json!({ "user_id": "u" })).is_none());
        assert!(user(json!([])).is_none());
        assert!(event(&json!({})).user().is_none());
        let details = json!({ "metadata": { "user_id": "018f0000-0000-7000-8000-000000000001" } });
        let parent = json!({ "metadata": {}, "parent": { "subscription_details": details } });
        assert!(event(&parent).user().is_some());
        assert!(event(&json!({ "subscription_details": details })).user().is_some());
        assert!(event(&json!({ "parent": { "subscription_details": null } })).user().is_none());
        assert!(event(&json!({})).affects_subscription());
    }
}
