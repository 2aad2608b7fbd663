//! Settings for billing through Stripe.

use std::time::Duration;

use clients::stripe::BillingAddress;
use clients::stripe::webhook_signature::MIN_SECRET;
use domain::redirect::RedirectHosts;
use secrecy::{ExposeSecret, SecretString};

use super::env::Env;
use super::variables::{
    REDIRECT_HOSTS, STRIPE_BASE_URL, STRIPE_BILLING_ADDRESS, STRIPE_PAST_DUE_GRACE,
    STRIPE_PREVIOUS_PRICE_IDS, STRIPE_PRICE_ID, STRIPE_SECRET_KEY, STRIPE_TAX_ID_COLLECTION,
    STRIPE_WEBHOOK_SECRET,
};
use crate::duration;

/// Settings for billing through Stripe.
#[derive(Debug, Clone)]
pub struct BillingSettings {
    /// The base URL of the API.
    pub base_url: String,
    /// The secret API key.
    pub secret_key: SecretString,
    /// Stripe's id for the price of the Pro plan.
    pub price_id: String,
    /// Earlier prices of the Pro plan, which still entitle to it but are no longer sold.
    pub previous_price_ids: Vec<String>,
    /// The signing secret of the webhook endpoint; two while one replaces the other.
    pub webhook_secrets: Vec<SecretString>,
    /// The hosts that Stripe's pages may redirect to.
    pub redirect_hosts: RedirectHosts,
    /// The grace period: how long a user stays on Pro after a renewal could not be paid.
    pub past_due_grace: Duration,
    /// Whether a checkout page collects a tax id.
    pub tax_id_collection: bool,
    /// Whether a checkout page collects an address.
    pub billing_address: BillingAddress,
}

impl BillingSettings {
    pub(super) fn read(env: &mut Env<'_>, needs_api: bool, needs_webhooks: bool) -> Self {
        let billing_address = env.parsed(STRIPE_BILLING_ADDRESS, |text| match text {
            "auto" => Ok(Some(BillingAddress::Auto)),
            "required" => Ok(Some(BillingAddress::Required)),
            _ => Err("must be auto or required".to_owned()),
        });
        Self {
            base_url: env.text(STRIPE_BASE_URL),
            secret_key: env.secret(
                STRIPE_SECRET_KEY,
                needs_api,
                "a secret key of the Stripe account, sk_...",
            ),
            price_id: env.required(
                STRIPE_PRICE_ID,
                needs_api,
                "the price of the Pro plan at Stripe, price_...",
            ),
            previous_price_ids: env.list(STRIPE_PREVIOUS_PRICE_IDS),
            webhook_secrets: webhook_secrets(env, needs_webhooks),
            redirect_hosts: redirect_hosts(env),
            past_due_grace: env.parsed(STRIPE_PAST_DUE_GRACE, grace),
            tax_id_collection: env.parsed(STRIPE_TAX_ID_COLLECTION, |text| {
                text.parse().map_err(|_| "must be true or false".to_owned())
            }),
            billing_address: billing_address.unwrap_or(BillingAddress::Required),
        }
    }

    /// Whether one of `price_ids` is a price of the Pro plan.
    #[must_use]
    pub fn includes_plan(&self, price_ids: &[String]) -> bool {
        price_ids.iter().any(|price| *price == self.price_id || self.previous_price_ids.contains(price))
    }
}

/// Parses `current` or `current,previous`. An empty secret is refused: anybody can sign with it.
fn webhook_secrets(env: &mut Env<'_>, needed: bool) -> Vec<SecretString> {
    let what = "the signing secret of the webhook endpoint, whsec_...";
    let is_set = !env.required(STRIPE_WEBHOOK_SECRET, needed, what).is_empty();
    let secrets: Vec<SecretString> = env.list(STRIPE_WEBHOOK_SECRET).into_iter().map(Into::into).collect();
    let is_short = |secret: &SecretString| secret.expose_secret().len() < MIN_SECRET;
    if needed && is_set && (secrets.is_empty() || secrets.iter().any(is_short)) {
        env.problem(STRIPE_WEBHOOK_SECRET, format!("must be {what}, as Stripe shows it"));
    }
    secrets
}

fn redirect_hosts(env: &mut Env<'_>) -> RedirectHosts {
    let hosts = env.list(REDIRECT_HOSTS);
    RedirectHosts::new(&hosts).unwrap_or_else(|error| {
        env.problem(REDIRECT_HOSTS, error);
        RedirectHosts::default()
    })
}

fn grace(text: &str) -> Result<Duration, String> {
    if text == "0" { Ok(Duration::ZERO) } else { duration::parse(text) }
}
