//! The client of the API that all tests share: requests, responses, and a signed-up user who sends
//! them. A [`Transport`] carries them: in process (`testkit`), by Lambda invocation (`harness`) or
//! over HTTP (the end-to-end suite). Imports no crate of the service, which a test may not compile
//! with.

#![expect(
    missing_docs,
    clippy::must_use_candidate,
    clippy::return_self_not_must_use,
    reason = "an internal tool: comments add only what the names do not say"
)]
#![expect(clippy::missing_panics_doc, reason = "tests fail by panicking")]

mod request;
mod response;
mod user;
mod wait;

use anyhow::Result;

pub use self::request::Request;
pub use self::response::Response;
pub use self::user::{PASSWORD, SentMessage, TestUser, random_number, unique};
pub use self::wait::wait_until;

pub trait Transport {
    #[expect(async_fn_in_trait, reason = "each caller names its transport, so the future's type is known")]
    async fn send(&self, request: &Request) -> Result<Response>;
}
