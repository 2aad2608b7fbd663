//! A person's own account. One file an endpoint.

mod delete;
mod export;
mod me;
mod rename;
mod stats;
#[cfg(test)]
mod tests;
mod usage;

use app::Dependency;

/// What this function cannot do without.
pub const DEPENDENCIES: &[Dependency] =
    &[Dependency::DATABASE, Dependency::REDIS, Dependency::TOKENS, Dependency::STRIPE];

web::endpoints! {
    tag: "User", "The account of the caller.";
    me: SpeculativeRead,
    rename: Standard,
    delete: Standard,
    stats: SpeculativeRead,
    usage: SpeculativeRead,
    export: Standard,
}
