//! The Lambda `webhook`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve("webhook", webhook::NEEDS, webhook::routes()).await
}
