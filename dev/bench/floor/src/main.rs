//! The floor that functions are measured against: a Lambda on axum that answers a constant and has nothing else in it.

use axum::Router;
use axum::routing::get;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    lambda_http::run(Router::new().fallback(get(|| async { "{\"success\":true}" }))).await
}
