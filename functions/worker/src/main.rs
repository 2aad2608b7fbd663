//! The Lambda `worker`.

use std::sync::Arc;

use app::{AppState, Config, telemetry};
use aws_lambda_events::event::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use tracing::{error, info};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::run("worker", async {
        let app = Arc::new(setup().inspect_err(|error| error!("cannot start: {error}"))?);
        info!(commit = app.config.release.commit, deployment = app.config.release.deployment, "ready");
        app.switches.prefetch();
        let handler = |event: LambdaEvent<SqsEvent>| {
            let app = app.clone();
            async move { Ok::<_, Error>(worker::handle(&app, event).await) }
        };
        lambda_runtime::run(service_fn(handler)).await
    })
    .await
}

fn setup() -> Result<AppState, Error> {
    let mut config = Config::from_env(worker::DEPENDENCIES)?;
    config.database_pool_size = config.database_pool_size.max(worker::BATCH);
    Ok(AppState::new(config, worker::DEPENDENCIES)?)
}
