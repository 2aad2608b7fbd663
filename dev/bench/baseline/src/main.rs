//! The baseline of the benchmarks: a Lambda function on axum that returns a constant.

use axum::Router;
use axum::routing::get;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    lambda_http::run(Router::new().fallback(get(|| async { "{\"success\":true}" }))).await
}
