//! Serves the page of the bundled web client.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::IntoResponse;

use crate::static_file::static_file;

/// Returns the page of the bundled web client.
///
/// It loads its scripts, its style sheet and its icon from this origin.
#[utoipa::path(
    get, path = "/",
    responses(
        (status = 200, description = "The page.", body = String, content_type = "text/html", example = json!("<!doctype html>")),
        (status = 304, description = "The client has the current version."),
    ),
)]
pub(crate) async fn handle(State(app): State<Arc<AppState>>, headers: HeaderMap) -> impl IntoResponse {
    static_file!("index.html").serve_client(&headers, app.config.stream_base_url.as_ref())
}
