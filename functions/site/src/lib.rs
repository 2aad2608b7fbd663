//! The endpoints outside `/api`: the bundled web client, health and the OpenAPI document. This
//! function also answers requests to unknown paths. One file per endpoint.

mod client;
mod health;
mod openapi_document;
#[cfg(test)]
mod tests;

pub use health::start_uptime;

use app::Dependency;

/// Everything that the deep health check tests.
pub const DEPENDENCIES: &[Dependency] = &[
    Dependency::DATABASE,
    Dependency::REDIS,
    Dependency::TOKENS,
    Dependency::QUEUE,
    Dependency::TABLE,
    Dependency::GEMINI,
    Dependency::STRIPE,
];

web::endpoints! {
    tag: "Site", "The bundled web client, health and this document.";
    client::page: Standard,
    client::script: Standard,
    client::stylesheet: Standard,
    health: LivenessProbe,
    openapi_document: Standard,
}
