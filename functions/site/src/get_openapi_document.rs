//! Serves the OpenAPI document.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;

/// The document that `cargo dev openapi` writes. A test compares it with the code.
const DOCUMENT: &str = include_str!("../../../docs/openapi.json");

/// Returns this document (OpenAPI 3.1).
///
/// Send `If-None-Match` to get it only if it has changed.
#[utoipa::path(
    get, path = "/openapi.json",
    responses(
        (status = 200, description = "The document.", body = Object, content_type = "application/vnd.oai.openapi+json"),
    ),
)]
pub(crate) async fn handle() -> impl IntoResponse {
    let headers =
        [(CONTENT_TYPE, "application/vnd.oai.openapi+json"), (CACHE_CONTROL, "public, max-age=300")];
    (headers, DOCUMENT)
}
