//! The Lambda `subscription`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve("subscription", subscription::DEPENDENCIES, subscription::routes()).await
}
