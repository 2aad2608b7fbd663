//! The Lambda `chatroom`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve("chatroom", chatroom::DEPENDENCIES, chatroom::routes()).await
}
