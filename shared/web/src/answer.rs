//! The shape of every answer that is not a problem: `{"success": true, ...}`.

use axum::Json;
use serde::Serialize;

/// A successful answer around `body`, which must serialise to an object.
#[derive(Debug, Serialize)]
pub struct Success<T> {
    success: bool,
    #[serde(flatten)]
    body: T,
}

/// An answer that says that it was done, and nothing else.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct MessageResponse {
    /// What was done.
    pub message: &'static str,
}

/// Wraps `body` for the client.
pub fn success<T: Serialize>(body: T) -> Json<Success<T>> {
    Json(Success { success: true, body })
}
