//! Plans: what there are, who is on which, and the ways from one to the other. One file an endpoint.

mod cancel;
mod changing;
mod checkout;
mod plans;
mod portal;
mod pro;
mod reactivate;
mod status;
#[cfg(test)]
mod tests;
mod views;

use app::Dependency;

/// What this function cannot do without.
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
