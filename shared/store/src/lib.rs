//! Postgres, the source of truth. SQL is only in this crate.
//!
//! There is one module per table; [`account_deletion`], [`pending_work`] and [`spending`] span several. Functions
//! take a client or a transaction. Functions that serve a user take the owner's id and put it in
//! the `WHERE`, so the row of another user is the same as an absent row.

pub mod account_deletion;
pub mod chatrooms;
pub mod daily_usage;
mod database;
mod error;
pub mod feedback;
pub mod generations;
pub mod messages;
pub mod migrations;
pub mod operator_actions;
pub mod pending_work;
pub mod sessions;
pub mod spending;
pub mod subscriptions;
pub mod unknown_customers;
pub mod users;

pub use database::{Database, DatabaseConfig};
pub use deadpool_postgres::{Client, GenericClient, Transaction};
pub use error::{StoreError, with_timeout};
