//! Serves the page of the bundled web client.

use axum::response::IntoResponse;

use crate::client_file::client_file;

/// Returns the page of the bundled web client.
///
/// It loads its script and its style sheet from this origin.
#[utoipa::path(
    get, path = "/",
    responses((status = 200, description = "The page.", body = String, content_type = "text/html")),
)]
pub(crate) async fn handle() -> impl IntoResponse {
    client_file("text/html; charset=utf-8", include_str!("client/index.html"))
}
