//! The Lambda `site`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    site::start_uptime();
    web::serve("site", site::DEPENDENCIES, site::routes()).await
}
