//! Test support: [`TestApp`] on real Postgres, Redis and DynamoDB, fakes of the other services, a
//! mock Stripe in the test's process, and sample events.
//!
//! `cargo dev test` starts Postgres, Redis and the AWS emulator and sets `TEST_DATABASE_URL`,
//! `TEST_REDIS_URL`, `TEST_AWS_ENDPOINT_URL` and `TEST_TABLE_NAME`. Each [`TestApp`] has its own
//! database schema and Stripe account. Keys in Redis and records in DynamoDB differ by random ids,
//! numbers and addresses.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "tests fail by panicking"
)]

mod claim_counter;
mod env;
mod error_log;
mod event_stream;
mod fakes;
mod metric_log;
mod request;
mod schema;
mod stripe;
mod test_app;
mod user;

pub use api_client::{PASSWORD, Response};
pub use claim_counter::ClaimCounter;
pub use error_log::ErrorLog;
pub use event_stream::{EventStream, ServerSentEvent};
pub use fakes::{FakeDeadLetters, FakeModel, FakeQueue, FakeSms, FakeSwitches};
pub use metric_log::MetricLog;
pub use request::{RequestBuilder, event};
pub use schema::empty_schema;
pub use stripe::{CONFIRMED_CARD, GOOD_CARD, GOOD_ONCE_CARD, StripeEvent};
pub use test_app::{TestApp, TestAppBuilder, random_number};
pub use user::TestUser;
