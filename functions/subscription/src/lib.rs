//! The Lambda `subscription`: plans, checkout, cancellation and the customer portal. One file per
//! endpoint.

mod cancel;
mod cancel_at_period_end;
mod checkout;
mod customer;
mod errors;
mod plans;
mod portal;
mod pro;
mod reactivate;
mod redirect;
mod status;
#[cfg(test)]
mod tests;
mod views;

use app::Dependency;

/// What this function requires to start.
pub const DEPENDENCIES: &[Dependency] = &[
    Dependency::DATABASE,
    Dependency::REDIS,
    Dependency::TOKENS,
    Dependency::IDEMPOTENCY_STORE,
    Dependency::STRIPE,
];

web::endpoints! {
    tag: "Subscription", "Plans and the subscription of the caller.";
    pro: Idempotent,
    status: SpeculativeRead,
    plans: Standard,
    cancel: Standard,
    reactivate: Standard,
    portal: Standard,
}
