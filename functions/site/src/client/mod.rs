//! `GET /` and its two files: a small chat client, that everything can be seen with and nothing has to be installed for.

use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::IntoResponse;

/// The page loads and calls what is here and nothing else. Where Stripe's pages are it is sent, which is no call.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What is the same for everybody may be kept.
const KEPT: &str = "public, max-age=300";

fn file(kind: &'static str, content: &'static str) -> impl IntoResponse {
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, KEPT), (CONTENT_SECURITY_POLICY, POLICY)], content)
}

/// A small chat client.
#[utoipa::path(
    get, path = "/", operation_id = "client", tag = "Site",
    responses((status = 200, description = "The page.", body = String, content_type = "text/html")),
)]
pub(crate) async fn page() -> impl IntoResponse {
    file("text/html; charset=utf-8", include_str!("index.html"))
}

/// Its code.
#[utoipa::path(
    get, path = "/client.js", operation_id = "client_code", tag = "Site",
    responses((status = 200, description = "The code.", body = String, content_type = "text/javascript")),
)]
pub(crate) async fn code() -> impl IntoResponse {
    file("text/javascript; charset=utf-8", include_str!("client.js"))
}

/// Its looks.
#[utoipa::path(
    get, path = "/client.css", operation_id = "client_looks", tag = "Site",
    responses((status = 200, description = "The style sheet.", body = String, content_type = "text/css")),
)]
pub(crate) async fn looks() -> impl IntoResponse {
    file("text/css; charset=utf-8", include_str!("client.css"))
}
