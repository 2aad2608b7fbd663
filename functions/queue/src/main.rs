//! The Lambda `queue`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve("queue", queue::DEPENDENCIES, queue::routes()).await
}
