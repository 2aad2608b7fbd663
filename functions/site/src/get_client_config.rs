//! Tells clients what they must know about this deployment.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use serde::Serialize;
use web::success;

/// What clients must know about a deployment.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ClientConfig {
    /// The base URL of `/api/stream`. `/` is that of all other endpoints. Null: answers are not streamed,
    /// and clients poll the status of a message.
    #[schema(example = "https://stream.example.com")]
    stream_base_url: Option<String>,
}

/// Returns what clients must know about this deployment.
///
/// It stays the same until the next deployment.
#[utoipa::path(
    get, path = "/api/config",
    responses(
        (status = 200, description = "The configuration of clients.", body = ClientConfig),
    ),
)]
pub(crate) async fn handle(State(app): State<Arc<AppState>>) -> impl IntoResponse {
    let stream_base_url = app.config.stream_base_url.as_ref().map(|url| url.as_str().to_owned());
    success(ClientConfig { stream_base_url })
}
