//! The response that serves a file of the bundled web client.

use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::IntoResponse;

/// The page loads scripts and styles and calls the API from its own origin only. It also navigates
/// to Stripe's pages, which this policy does not restrict.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The files are the same for all users, so shared caches may store them.
const CACHE_POLICY: &str = "public, max-age=300";

/// Returns `content` with the headers of a client file.
pub(crate) fn client_file(content_type: &'static str, content: &'static str) -> impl IntoResponse {
    let headers =
        [(CONTENT_TYPE, content_type), (CACHE_CONTROL, CACHE_POLICY), (CONTENT_SECURITY_POLICY, POLICY)];
    (headers, content)
}
