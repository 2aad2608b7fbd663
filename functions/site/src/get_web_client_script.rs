//! Serves the script of the bundled web client.

use axum::response::IntoResponse;

use crate::client_file::client_file;

/// Returns the script of the bundled web client.
///
/// The page loads it as a module.
#[utoipa::path(
    get, path = "/client.js",
    responses((status = 200, description = "The script.", body = String, content_type = "text/javascript")),
)]
pub(crate) async fn handle() -> impl IntoResponse {
    client_file("text/javascript; charset=utf-8", include_str!("client/client.js"))
}
