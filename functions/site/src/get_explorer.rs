//! Serves the page of the API explorer.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::IntoResponse;

use crate::static_file::static_file;

/// Returns the page of the API explorer.
///
/// It shows this document, signs in, and sends every call. It loads its script, its style sheet and its icon from this origin.
#[utoipa::path(
    get, path = "/docs",
    responses(
        (status = 200, description = "The page.", body = String, content_type = "text/html", example = json!("<!doctype html>")),
        (status = 304, description = "The client has the current version."),
    ),
)]
pub(crate) async fn handle(State(app): State<Arc<AppState>>, headers: HeaderMap) -> impl IntoResponse {
    static_file!("explorer.html").serve_explorer(&headers, app.config.stream_base_url.as_ref())
}
