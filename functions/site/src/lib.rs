//! The bundled web client, the API explorer, health, the OpenAPI document, and what clients must know.
//! This function also answers requests to unknown paths. One file per endpoint.

mod get_client_config;
mod get_explorer;
mod get_health;
mod get_openapi_document;
mod get_web_client;
mod get_web_client_asset;
mod static_file;
#[cfg(test)]
mod tests;

pub use get_health::start_uptime;

pub use app::functions::SITE as DEPENDENCIES;

web::endpoints! {
    tag: "Site", "The bundled web client, the API explorer, health and this document.", shared: get_health::CheckCache;
    get_web_client: Standard,
    get_web_client_asset: Standard,
    get_client_config: Standard,
    get_explorer: Standard,
    get_health: LivenessProbe,
    get_openapi_document: Standard,
}
