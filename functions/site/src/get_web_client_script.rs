//! Serves the script of the bundled web client.

use axum::http::HeaderMap;
use axum::response::IntoResponse;

use crate::static_file::static_file;

/// Returns the script of the bundled web client.
///
/// The page loads it as a module.
#[utoipa::path(
    get, path = "/client.js",
    responses(
        (status = 200, description = "The script.", body = String, content_type = "text/javascript", example = json!("'use strict';")),
        (status = 304, description = "The client has the current version."),
    ),
)]
pub(crate) async fn handle(headers: HeaderMap) -> impl IntoResponse {
    static_file!("client.js").serve_to_browser(&headers, "text/javascript; charset=utf-8")
}
