//! `GET /openapi.json`.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;

/// The document, as `cargo dev openapi` has written it; a test holds it and the code together.
const DOCUMENT: &str = include_str!("../../../docs/openapi.json");

/// This document (OpenAPI 3.1).
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "openapi", tag = "Site",
    responses(
        (status = 200, description = "The document.", body = Object, content_type = "application/vnd.oai.openapi+json"),
    ),
)]
pub(crate) async fn handle() -> impl IntoResponse {
    let headers =
        [(CONTENT_TYPE, "application/vnd.oai.openapi+json"), (CACHE_CONTROL, "public, max-age=300")];
    (headers, DOCUMENT)
}
