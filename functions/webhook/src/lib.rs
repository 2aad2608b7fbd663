//! The Lambda `webhook`: receives Stripe's events. One file per endpoint.

mod event;
mod get_webhook_configuration;
mod receive_stripe_event;
#[cfg(test)]
mod tests;

pub use app::functions::WEBHOOK as DEPENDENCIES;

web::endpoints! {
    tag: "Webhook", "Events that Stripe sends.";
    receive_stripe_event: SignedWebhook,
    get_webhook_configuration: Standard,
}
