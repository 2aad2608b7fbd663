//! The Lambda `stream`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve_streaming("stream", stream::DEPENDENCIES, stream::routes()).await
}
