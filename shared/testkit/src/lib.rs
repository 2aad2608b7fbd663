//! What tests share: an application on real Postgres and Redis, fakes of the vendors' services, events.
//!
//! `cargo dev test` starts Postgres, Redis and the emulator of AWS and says where they are by `TEST_DATABASE_URL`,
//! `TEST_REDIS_URL`, `TEST_AWS_ENDPOINT_URL` and `TEST_TABLE_NAME`. Each [`TestApp`] has a schema of its own; keys in Redis
//! and records in DynamoDB are kept apart by random ids, numbers and addresses.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "tests fail by panicking"
)]

mod fakes;
mod request;
mod stripe;
mod test_app;
mod user;

pub use api_client::{PASSWORD, Response, Response as Answer};
pub use fakes::{FakeDeadLetters, FakeModel, FakeQueue, FakeSms};
pub use request::{RequestBuilder, event};
pub use stripe::{GOOD_CARD, GOOD_ONCE_CARD, StripeEvent};
pub use test_app::{TestApp, TestAppBuilder, empty_schema, random_number};
pub use user::{TestUser, TestUser as Person};
