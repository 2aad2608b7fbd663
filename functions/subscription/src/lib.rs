//! The Lambda `subscription`: plans, checkout, cancellation and the customer portal. One file per
//! endpoint.

mod cancel_at_period_end;
mod cancel_subscription;
mod change_limit;
mod checkout;
mod customer;
mod errors;
mod get_subscription;
mod list_plans;
mod open_checkout;
mod open_portal;
mod reactivate_subscription;
mod redirect;
#[cfg(test)]
mod tests;
mod views;

pub use app::functions::SUBSCRIPTION as DEPENDENCIES;

web::endpoints! {
    tag: "Subscription", "Plans and the subscription of the caller.";
    open_checkout: Idempotent,
    get_subscription: SpeculativeRead,
    list_plans: Standard,
    cancel_subscription: Standard,
    reactivate_subscription: Standard,
    open_portal: Standard,
}
