//! What the suites share (`faults`, `bench`): an environment of its own for each scenario, a client of the API, proxies between
//! the functions and what they call, and views of the database and of processes.

pub mod api;
pub mod guest;
pub mod look;
pub mod person;
pub mod processes;
pub mod proxy;
pub mod routes;
mod statements;
mod suite;
pub mod victim;
pub mod world;

pub use self::suite::{Scale, Suite};
