//! Serves the OpenAPI document that `cargo dev openapi` writes. A test compares it with the code.

use axum::http::HeaderMap;
use axum::response::IntoResponse;

use crate::static_file::static_file;

/// Returns this document (OpenAPI 3.1).
///
/// Send `If-None-Match` to get it only if it has changed.
#[utoipa::path(
    get, path = "/openapi.json",
    responses(
        (status = 200, description = "The document.", body = Object, content_type = "application/vnd.oai.openapi+json", example = json!({ "openapi": "3.1.0" })),
        (status = 304, description = "The client has the current version."),
    ),
)]
pub(crate) async fn handle(headers: HeaderMap) -> impl IntoResponse {
    static_file!("openapi.json").serve(&headers, "application/vnd.oai.openapi+json")
}
