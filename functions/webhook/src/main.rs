//! The Lambda `webhook`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve("webhook", webhook::DEPENDENCIES, webhook::routes()).await
}
