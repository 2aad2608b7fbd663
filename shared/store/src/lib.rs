//! Postgres: the truth. SQL lives here and nowhere else, one module per table, and [`deletion`] over all.
//!
//! Functions take a client or a transaction and the owner's id; another person's row is the same as none.

pub mod chatrooms;
mod database;
pub mod deletion;
mod error;
pub mod messages;
pub mod migrations;
pub mod sessions;
pub mod subscriptions;
pub mod users;

pub use database::{Database, DatabaseConfig};
pub use deadpool_postgres::{Client, GenericClient, Transaction};
pub use error::{StoreError, within};
