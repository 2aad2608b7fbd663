//! The shape of every successful JSON response: `{"success": true, ...}`.

use axum::Json;
use serde::Serialize;

/// A successful response around `body`, which must serialise to an object.
#[derive(Debug, Serialize)]
pub struct Success<T> {
    success: bool,
    #[serde(flatten)]
    body: T,
}

/// A response that confirms what was done and carries nothing else.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Confirmation)]
pub struct MessageResponse {
    /// What was done.
    pub message: &'static str,
}

/// Wraps `body` for the client.
pub fn success<T: Serialize>(body: T) -> Json<Success<T>> {
    Json(Success { success: true, body })
}
