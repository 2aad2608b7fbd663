//! The Lambda `user`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve("user", user::DEPENDENCIES, user::routes()).await
}
