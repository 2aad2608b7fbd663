//! How people pay.

use std::time::Duration;

use clients::stripe::BillingAddress;
use clients::stripe::webhook_signature::MIN_SECRET;
use domain::redirect::RedirectHosts;
use secrecy::{ExposeSecret, SecretString};

use super::list;
use crate::duration;
use crate::env::Env;

/// How people pay.
#[derive(Debug, Clone)]
pub struct BillingSettings {
    /// Stripe's address.
    pub base_url: String,
    /// The key to it.
    pub secret_key: SecretString,
    /// What the Pro plan costs, as Stripe knows it.
    pub price_id: String,
    /// What Stripe signs its webhooks with; two, while one is replaced.
    pub webhook_secrets: Vec<SecretString>,
    /// The hosts that a person may be sent back to.
    pub redirect_hosts: RedirectHosts,
    /// How long a renewal that could not be paid leaves a person on their plan.
    pub past_due_grace: Duration,
    /// Whether a checkout page asks for a tax id.
    pub tax_id_collection: bool,
    /// Whether a checkout page asks for an address.
    pub billing_address: BillingAddress,
}

impl BillingSettings {
    pub(super) fn read(env: &mut Env<'_>, asks: bool, is_told: bool) -> Self {
        let base_url = env.get("STRIPE_BASE_URL");
        Self {
            base_url: base_url.unwrap_or_else(|| "https://api.stripe.com".to_owned()),
            secret_key: env.secret("STRIPE_SECRET_KEY", asks, "a secret key of the Stripe account, sk_..."),
            price_id: env.required("STRIPE_PRICE_ID", asks, "the price of the Pro plan at Stripe, price_..."),
            webhook_secrets: webhook_secrets(env, is_told),
            redirect_hosts: redirect_hosts(env),
            past_due_grace: env.parsed("STRIPE_PAST_DUE_GRACE", Duration::from_hours(3 * 24), grace),
            tax_id_collection: env.parsed("STRIPE_TAX_ID_COLLECTION", true, |text| {
                text.parse().map_err(|_| "must be true or false".to_owned())
            }),
            billing_address: env.parsed(
                "STRIPE_BILLING_ADDRESS",
                BillingAddress::Required,
                |text| match text {
                    "auto" => Ok(BillingAddress::Auto),
                    "required" => Ok(BillingAddress::Required),
                    _ => Err("must be auto or required".to_owned()),
                },
            ),
        }
    }
}

/// `current` or `current,previous`. An empty one would verify what anybody has signed.
fn webhook_secrets(env: &mut Env<'_>, needed: bool) -> Vec<SecretString> {
    const NAME: &str = "STRIPE_WEBHOOK_SECRET";
    env.required(NAME, needed, "the signing secret of the webhook endpoint, whsec_...");
    let secrets: Vec<SecretString> = list(env, NAME).into_iter().map(Into::into).collect();
    let is_short = |secret: &SecretString| secret.expose_secret().len() < MIN_SECRET;
    if needed && env.get(NAME).is_some() && (secrets.is_empty() || secrets.iter().any(is_short)) {
        env.problem(
            NAME,
            "must be the signing secret of the webhook endpoint, whsec_..., as Stripe shows it",
        );
    }
    secrets
}

fn redirect_hosts(env: &mut Env<'_>) -> RedirectHosts {
    const NAME: &str = "REDIRECT_HOSTS";
    let hosts = list(env, NAME);
    RedirectHosts::new(&hosts).unwrap_or_else(|error| {
        env.problem(NAME, error);
        RedirectHosts::default()
    })
}

fn grace(text: &str) -> Result<Duration, String> {
    if text == "0" { Ok(Duration::ZERO) } else { duration::parse(text) }
}
