//! The Lambda `user`: the account of the caller, and what operators do with accounts. One file per
//! endpoint.

mod delete_account;
mod export_account;
mod find_account;
mod get_account;
mod get_account_stats;
mod list_daily_usage;
mod operator_views;
mod restore_account;
mod suspend_account;
#[cfg(test)]
mod tests;
mod update_profile;
mod view_account;

pub use app::functions::USER as DEPENDENCIES;

web::endpoints! {
    tag: "User", "The account of the caller; and accounts, for operators.";
    get_account: SpeculativeRead,
    update_profile: Standard,
    delete_account: Standard,
    get_account_stats: SpeculativeRead,
    list_daily_usage: SpeculativeRead,
    export_account: Standard,
    find_account: Standard,
    view_account: Standard,
    suspend_account: Standard,
    restore_account: Standard,
}
