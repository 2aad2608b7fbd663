//! Serves the style sheet of the bundled web client.

use axum::http::HeaderMap;
use axum::response::IntoResponse;

use crate::static_file::static_file;

/// Returns the style sheet of the bundled web client.
///
/// The page loads it.
#[utoipa::path(
    get, path = "/client.css",
    responses(
        (status = 200, description = "The style sheet.", body = String, content_type = "text/css", example = json!("body { margin: 0 }")),
        (status = 304, description = "The client has the current version."),
    ),
)]
pub(crate) async fn handle(headers: HeaderMap) -> impl IntoResponse {
    static_file!("client.css").serve_to_browser(&headers, "text/css; charset=utf-8")
}
