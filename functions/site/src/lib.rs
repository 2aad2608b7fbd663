//! The endpoints outside `/api`: the bundled web client, health and the OpenAPI document. This
//! function also answers requests to unknown paths. One file per endpoint.

mod client_file;
mod get_client_page;
mod get_client_script;
mod get_client_stylesheet;
mod get_health;
mod get_openapi_document;
#[cfg(test)]
mod tests;

pub use get_health::start_uptime;

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
    get_client_page: Standard,
    get_client_script: Standard,
    get_client_stylesheet: Standard,
    get_health: LivenessProbe,
    get_openapi_document: Standard,
}
