//! The Lambda `site`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve("site", site::DEPENDENCIES, site::routes()).await
}
