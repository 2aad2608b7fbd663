//! What others have to tell us: Stripe's events. One file an endpoint.

mod event;
mod stripe;
mod test;
#[cfg(test)]
mod tests;

use app::Dependency;

/// What this function cannot do without.
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
    stripe: SignedWebhook,
    test: Standard,
}
