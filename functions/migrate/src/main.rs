//! The Lambda `migrate`. Outside Lambda it is a command with the arguments of [`migrate::commands`].

use app::telemetry;
use lambda_runtime::{Error, service_fn};
use tracing::error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::run(
        "migrate",
        Box::pin(async {
            if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() {
                // The configuration is read with each request, so that CloudFormation learns of
                // errors in it.
                let handler = |event| migrate::handle(|name: &str| std::env::var(name).ok(), event);
                return lambda_runtime::run(service_fn(handler)).await;
            }
            let args: Vec<String> = std::env::args().skip(1).collect();
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            migrate::commands::run(&args).await.inspect_err(|error| error!("{error}"))
        }),
    )
    .await
}
