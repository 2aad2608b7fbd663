//! The Lambda `webhook`: receives Stripe's events. One file per endpoint.

mod event;
mod get_webhook_configuration;
mod receive_stripe_event;
#[cfg(test)]
mod tests;

use app::Dependency;

/// What this function requires to start.
pub const DEPENDENCIES: &[Dependency] = &[
    Dependency::DATABASE,
    Dependency::REDIS,
    Dependency::TOKENS,
    Dependency::TABLE,
    Dependency::STRIPE,
    Dependency::STRIPE_WEBHOOKS,
];

web::endpoints! {
    tag: "Webhook", "Events that Stripe sends.";
    receive_stripe_event: SignedWebhook,
    get_webhook_configuration: Standard,
}
