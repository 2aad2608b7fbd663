//! The Lambda `sweeper`. The command `sweeper reconcile` syncs every subscription with Stripe.

use std::sync::Arc;

use app::{AppState, Config, Dependency, telemetry};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use tracing::{error, info};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::run("sweeper", async {
        match std::env::args().nth(1).as_deref() {
            None => Box::pin(serve()).await,
            Some("reconcile") => Box::pin(reconcile()).await,
            Some(other) => {
                Err(format!("{other}: unknown command; the only one is `sweeper reconcile`").into())
            }
        }
    })
    .await
}

async fn serve() -> Result<(), Error> {
    let app = setup(sweeper::DEPENDENCIES)?;
    info!(commit = app.config.release.commit, deployment = app.config.release.deployment, "ready");
    // The schedule's event carries no input.
    let handler = |_: LambdaEvent<Value>| {
        let app = app.clone();
        async move {
            let summary = sweeper::sweep_unless_idle(&app).await;
            summary.inspect_err(|error| error!("a sweep failed: {error}")).map_err(Error::from)
        }
    };
    lambda_runtime::run(service_fn(handler)).await
}

async fn reconcile() -> Result<(), Error> {
    let app = setup(sweeper::RECONCILE_DEPENDENCIES)?;
    let reconciled = sweeper::reconcile(&app).await?;
    println!("{}", serde_json::to_string(&reconciled)?);
    if reconciled.failed > 0 {
        return Err(format!("{} accounts failed: the log gives the reasons", reconciled.failed).into());
    }
    Ok(())
}

fn setup(dependencies: &[Dependency]) -> Result<Arc<AppState>, Error> {
    let build =
        || -> Result<AppState, Error> { Ok(AppState::new(Config::from_env(dependencies)?, dependencies)?) };
    Ok(Arc::new(build().inspect_err(|error| error!("cannot start: {error}"))?))
}
