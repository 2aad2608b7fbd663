//! API versions. Objects are stored in the form of [`VERSION`] and rendered in that of a request or
//! a webhook endpoint.
//!
//! Source: <https://docs.stripe.com/changelog>.

use serde_json::{Value, json};

pub const VERSION: &str = "2026-09-30.endive";

/// The versions that the mock renders, the oldest first.
const VERSIONS: [&str; 5] = ["2022-11-15", "2024-06-20", "2025-03-31.basil", "2026-01-28.clover", VERSION];

/// In this version the periods of subscriptions moved to their items, the subscription of an
/// invoice into its `parent`, and the invoice of a charge into `invoice_payment` objects.
const BASIL: &str = "2025-03-31.basil";

pub fn is_known(version: &str) -> bool {
    VERSIONS.contains(&version)
}

/// Renders an object, and all objects in it, in the form of `version`.
pub fn render(mut value: Value, version: &str) -> Value {
    if version < BASIL {
        make_older(&mut value);
    }
    value
}

fn make_older(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(make_older),
        Value::Object(fields) => {
            fields.values_mut().for_each(make_older);
            match value["object"].as_str() {
                Some("subscription") => move_periods(value),
                Some("invoice") => move_subscription(value),
                _ => {}
            }
        }
        _ => {}
    }
}

fn move_periods(subscription: &mut Value) {
    for period in ["current_period_start", "current_period_end"] {
        subscription[period] = subscription["items"]["data"][0][period].clone();
        for item in subscription["items"]["data"].as_array_mut().into_iter().flatten() {
            if let Some(item) = item.as_object_mut() {
                item.remove(period);
            }
        }
    }
}

fn move_subscription(invoice: &mut Value) {
    let details = invoice["parent"]["subscription_details"].clone();
    invoice["subscription"] = details["subscription"].clone();
    invoice["subscription_details"] = json!({ "metadata": details["metadata"] });
    invoice["paid"] = (invoice["status"] == "paid").into();
    if let Some(fields) = invoice.as_object_mut() {
        fields.remove("parent");
    }
}

/// The fields of `before` that differ in `after`, with their old values, as an event has them in
/// `previous_attributes`. Of nested objects only the fields that differ; arrays as a whole.
pub fn previous_attributes(before: &Value, after: &Value) -> Value {
    let Some(fields) = after.as_object() else { return Value::Null };
    let mut previous = json!({});
    for (name, new) in fields.iter().filter(|(name, new)| before[name.as_str()] != **new) {
        let old = &before[name.as_str()];
        let is_nested = old.is_object() && new.is_object();
        previous[name] = if is_nested { previous_attributes(old, new) } else { old.clone() };
    }
    previous
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_versions_have_periods_and_subscriptions_in_their_old_places() {
        let subscription = json!({
            "object": "subscription",
            "items": { "data": [{ "id": "si_1", "current_period_start": 1, "current_period_end": 2 }] },
        });
        let old = render(json!({ "data": { "object": subscription } }), "2024-06-20");
        let old = &old["data"]["object"];
        assert_eq!(
            (&old["current_period_end"], &old["items"]["data"][0]),
            (&json!(2), &json!({ "id": "si_1" }))
        );
        let details = json!({ "subscription": "sub_1", "metadata": { "user_id": "u" } });
        let invoice =
            json!({ "object": "invoice", "status": "paid", "parent": { "subscription_details": details } });
        let old = render(invoice.clone(), "2022-11-15");
        assert_eq!((&old["subscription"], &old["paid"]), (&json!("sub_1"), &json!(true)));
        assert!(old.get("parent").is_none());
        assert_eq!(render(invoice.clone(), "2025-03-31.basil"), invoice);
    }

    #[test]
    fn previous_attributes_are_the_old_values_of_what_changed() {
        let before = json!({ "a": 1, "same": 2, "nested": { "x": 1, "y": 2 }, "list": [1] });
        let after = json!({ "a": 3, "same": 2, "nested": { "x": 1, "y": 3 }, "list": [2] });
        assert_eq!(
            previous_attributes(&before, &after),
            json!({ "a": 1, "nested": { "y": 2 }, "list": [1] })
        );
    }
}
