//! Request parameters: form-encoded, nested by brackets. Unknown ones are refused, as Stripe does.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::StripeError;

pub type Metadata = BTreeMap<String, String>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateCustomer {
    #[serde(default)]
    pub metadata: Metadata,
    pub email: Option<String>,
    pub name: Option<String>,
    pub phone: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateCheckout {
    pub mode: String,
    pub customer: String,
    pub success_url: String,
    pub cancel_url: Option<String>,
    pub client_reference_id: Option<String>,
    #[serde(default)]
    pub line_items: Vec<LineItem>,
    #[serde(default)]
    pub metadata: Metadata,
    #[serde(default)]
    pub subscription_data: SubscriptionData,
    pub billing_address_collection: Option<String>,
    pub tax_id_collection: Option<TaxIdCollection>,
    #[serde(default)]
    pub customer_update: BTreeMap<String, String>,
    pub allow_promotion_codes: Option<bool>,
}

impl CreateCheckout {
    pub fn collects_tax_id(&self) -> bool {
        self.tax_id_collection.as_ref().is_some_and(|collection| collection.enabled)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineItem {
    pub price: String,
    pub quantity: u64,
}

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionData {
    #[serde(default)]
    pub metadata: Metadata,
    pub trial_period_days: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaxIdCollection {
    pub enabled: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    pub customer: Option<String>,
    pub subscription: Option<String>,
    pub status: Option<String>,
    pub limit: Option<usize>,
    pub starting_after: Option<String>,
    pub payment: Option<ListedPayment>,
}

/// The payment whose invoices are listed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListedPayment {
    #[serde(rename = "type")]
    pub kind: String,
    pub payment_intent: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpdateSubscription {
    pub cancel_at_period_end: Option<bool>,
    /// A time, or the empty string to remove it.
    pub cancel_at: Option<String>,
    pub metadata: Option<Metadata>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreatePortal {
    pub customer: String,
    pub return_url: Option<String>,
}

/// Deserializes parameters, or returns a 400 that names the wrong one.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, StripeError> {
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
