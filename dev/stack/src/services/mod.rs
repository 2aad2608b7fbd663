//! What the functions need beside themselves, each started on a free port of the loopback address; and what serves the
//! functions.

pub mod api;
pub mod aws;
pub mod gemini;
pub mod instances;
pub mod postgres;
pub mod pump;
pub mod redis;
pub mod stripe;

pub use self::aws::Aws;
