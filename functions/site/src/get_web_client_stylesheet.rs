//! Serves the style sheet of the bundled web client.

use axum::response::IntoResponse;

use crate::client_file::client_file;

/// Returns the style sheet of the bundled web client.
///
/// The page loads it.
#[utoipa::path(
    get, path = "/client.css",
    responses((status = 200, description = "The style sheet.", body = String, content_type = "text/css")),
)]
pub(crate) async fn handle() -> impl IntoResponse {
    client_file("text/css; charset=utf-8", include_str!("client/client.css"))
}
