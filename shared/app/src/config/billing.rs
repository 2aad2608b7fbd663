//! Settings for billing through Stripe.

use std::time::Duration;

use clients::stripe::BillingAddress;
use clients::stripe::webhook_signature::MIN_SECRET;
use domain::redirect::RedirectHosts;
use secrecy::{ExposeSecret, SecretString};

use super::env::Env;
use super::variables::{
    REDIRECT_HOSTS, STRIPE_BASE_URL, STRIPE_BILLING_ADDRESS, STRIPE_CANCEL_ON_DISPUTE,
    STRIPE_CANCEL_ON_REFUND, STRIPE_PAST_DUE_GRACE, STRIPE_PREVIOUS_PRICE_IDS, STRIPE_PRICE_ID,
    STRIPE_PROMOTION_CODES, STRIPE_SECRET_KEY, STRIPE_TAX_ID_COLLECTION, STRIPE_TRIAL_DAYS,
    STRIPE_WEBHOOK_SECRET, Variable,
};
use crate::duration;

/// The longest trial that Stripe accepts, in days.
const MAX_TRIAL_DAYS: u32 = 730;

/// When a dispute cancels the subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelOnDispute {
    /// Never: an operator decides.
    Never,
    /// When the customer's bank opens it.
    Opened,
    /// When the bank has decided for the customer.
    Lost,
}

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
    /// The days of the trial that each user gets once. `None`: there is no trial.
    pub trial_days: Option<u32>,
    /// Whether a checkout page accepts promotion codes.
    pub promotion_codes: bool,
    /// Whether the full refund of its latest invoice cancels a subscription.
    pub cancel_on_refund: bool,
    /// When a dispute of its latest invoice cancels a subscription.
    pub cancel_on_dispute: CancelOnDispute,
}

impl BillingSettings {
    pub(super) fn read(env: &mut Env<'_>, needs_api: bool, needs_webhooks: bool) -> Self {
        let billing_address = env.parsed(STRIPE_BILLING_ADDRESS, |text| match text {
            "auto" => Ok(Some(BillingAddress::Auto)),
            "required" => Ok(Some(BillingAddress::Required)),
            _ => Err("must be auto or required".to_owned()),
        });
        let cancel_on_dispute = env.parsed(STRIPE_CANCEL_ON_DISPUTE, |text| match text {
            "never" => Ok(Some(CancelOnDispute::Never)),
            "opened" => Ok(Some(CancelOnDispute::Opened)),
            "lost" => Ok(Some(CancelOnDispute::Lost)),
            _ => Err("must be never, opened or lost".to_owned()),
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
            tax_id_collection: flag(env, STRIPE_TAX_ID_COLLECTION),
            billing_address: billing_address.unwrap_or(BillingAddress::Required),
            trial_days: env.parsed(STRIPE_TRIAL_DAYS, trial_days),
            promotion_codes: flag(env, STRIPE_PROMOTION_CODES),
            cancel_on_refund: flag(env, STRIPE_CANCEL_ON_REFUND),
            cancel_on_dispute: cancel_on_dispute.unwrap_or(CancelOnDispute::Never),
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

fn flag(env: &mut Env<'_>, variable: Variable) -> bool {
    env.parsed(variable, |text| text.parse().map_err(|_| "must be true or false".to_owned()))
}

fn trial_days(text: &str) -> Result<Option<u32>, String> {
    match text.parse() {
        Ok(0) => Ok(None),
        Ok(days) if days <= MAX_TRIAL_DAYS => Ok(Some(days)),
        _ => Err(format!("must be a number of days from 0 to {MAX_TRIAL_DAYS}")),
    }
}

fn grace(text: &str) -> Result<Duration, String> {
    if text == "0" { Ok(Duration::ZERO) } else { duration::parse(text) }
}
