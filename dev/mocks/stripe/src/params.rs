//! Request parameters: form-encoded, nested by brackets. Unknown ones are refused, as Stripe does.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::StripeError;

pub(super) type Metadata = BTreeMap<String, String>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateCustomer {
    #[serde(default)]
    pub(super) metadata: Metadata,
    pub(super) email: Option<String>,
    pub(super) name: Option<String>,
    pub(super) phone: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateCheckout {
    pub(super) mode: String,
    pub(super) customer: String,
    pub(super) success_url: String,
    pub(super) cancel_url: Option<String>,
    pub(super) client_reference_id: Option<String>,
    #[serde(default)]
    pub(super) line_items: Vec<LineItem>,
    #[serde(default)]
    pub(super) metadata: Metadata,
    #[serde(default)]
    pub(super) subscription_data: SubscriptionData,
    pub(super) billing_address_collection: Option<String>,
    pub(super) tax_id_collection: Option<TaxIdCollection>,
    #[serde(default)]
    pub(super) customer_update: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LineItem {
    pub(super) price: String,
    pub(super) quantity: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SubscriptionData {
    #[serde(default)]
    pub(super) metadata: Metadata,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TaxIdCollection {
    pub(super) enabled: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    pub(super) customer: Option<String>,
    pub(super) subscription: Option<String>,
    pub(super) status: Option<String>,
    pub(super) limit: Option<usize>,
    pub(super) starting_after: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UpdateSubscription {
    pub(super) cancel_at_period_end: Option<bool>,
    /// A time, or the empty string to remove it.
    pub(super) cancel_at: Option<String>,
    pub(super) metadata: Option<Metadata>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreatePortal {
    pub(super) customer: String,
    pub(super) return_url: Option<String>,
}

/// Deserializes parameters, or returns a 400 that names the wrong one.
pub(super) fn read<T: DeserializeOwned>(text: &str) -> Result<T, StripeError> {
    let config = serde_qs::Config::new().use_form_encoding(true).max_depth(10);
    config.deserialize_str(text).map_err(|error| {
        let message = error.to_string();
        let param = message.split('`').nth(1).unwrap_or_default().to_owned();
        let message = if message.starts_with("unknown field") {
            format!("Received unknown parameter: {param}")
        } else {
            message
        };
        StripeError::invalid(&param, message)
    })
}
