//! The Lambda `migrate`; outside Lambda, a command that migrates once.

use app::{Config, Need, telemetry};
use lambda_runtime::{Error, service_fn};
use tracing::error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::run("migrate", async {
        let config =
            Config::from_env(&[Need::Database]).inspect_err(|error| error!("cannot start: {error}"))?;
        if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_none() {
            return migrate::run(&config).await.map(|_| ()).inspect_err(|error| error!("{error}"));
        }
        let config = &config;
        lambda_runtime::run(service_fn(|event| async move { migrate::handle(config, event).await })).await
    })
    .await
}
