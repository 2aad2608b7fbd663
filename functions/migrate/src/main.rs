//! The Lambda `migrate`; outside Lambda, a command that migrates once.

use app::{Config, Need, telemetry};
use lambda_runtime::{Error, service_fn};
use tracing::error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::run("migrate", async {
        if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() {
            // A configuration that does not do is CloudFormation's to hear of, so it is read with each request.
            let handler = |event| migrate::handle(Config::from_env(&[Need::Database]), event);
            return lambda_runtime::run(service_fn(handler)).await;
        }
        let config =
            Config::from_env(&[Need::Database]).inspect_err(|error| error!("cannot start: {error}"))?;
        migrate::run(&config).await.map(|_| ()).inspect_err(|error| error!("{error}"))
    })
    .await
}
