//! The processes of the stack, each on a free port of the loopback address: what the functions
//! depend on, the local Lambda that runs them, and the event source mapping.

pub mod aws;
pub mod event_source_mapping;
pub mod lambda;
pub mod mocks;
pub mod names;
pub mod postgres;
pub mod redis;

use tokio::net::TcpStream;

pub use self::aws::Aws;
use crate::state::Service;
use crate::web;

pub async fn answers(service: &Service) -> bool {
    let address = &service.address;
    let get = async |path: &str| web::status(&format!("{address}{path}")).await;
    match service.name.as_str() {
        names::POSTGRES => TcpStream::connect(address).await.is_ok(),
        names::REDIS => redis::answers(address).await,
        names::AWS => aws::answers(address).await,
        names::STRIPE => get("/c/pay/none").await == Some(404),
        names::GEMINI => get("/_control/calls").await == Some(200),
        names::LAMBDA => get("/health").await == Some(200),
        // The event source mapping does not listen.
        _ => true,
    }
}
