//! The Lambda `auth`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve("auth", auth::DEPENDENCIES, auth::routes()).await
}
