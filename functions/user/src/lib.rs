//! The Lambda `user`: the account of the caller. One file per endpoint.

mod delete_account;
mod export_account;
mod get_account;
mod get_account_stats;
mod list_daily_usage;
#[cfg(test)]
mod tests;
mod update_profile;

use app::Dependency;

/// What this function requires to start.
pub const DEPENDENCIES: &[Dependency] =
    &[Dependency::DATABASE, Dependency::REDIS, Dependency::TOKENS, Dependency::STRIPE];

web::endpoints! {
    tag: "User", "The account of the caller.";
    get_account: SpeculativeRead,
    update_profile: Standard,
    delete_account: Standard,
    get_account_stats: SpeculativeRead,
    list_daily_usage: SpeculativeRead,
    export_account: Standard,
}
