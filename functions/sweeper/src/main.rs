//! The Lambda `sweeper`; and, as `sweeper reconcile`, a command that compares every subscription with Stripe.

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
            Some(other) => Err(format!("{other}: there is only `sweeper reconcile`").into()),
        }
    })
    .await
}

async fn serve() -> Result<(), Error> {
    let app = setup(sweeper::DEPENDENCIES)?;
    info!("ready");
    // What the schedule sends says nothing that we need.
    let handler = |_: LambdaEvent<Value>| {
        let app = app.clone();
        async move {
            let swept = sweeper::sweep_unless_idle(&app).await;
            swept.inspect_err(|error| error!("a sweep broke off: {error}")).map_err(Error::from)
        }
    };
    lambda_runtime::run(service_fn(handler)).await
}

async fn reconcile() -> Result<(), Error> {
    let app = setup(sweeper::RECONCILE_DEPENDENCIES)?;
    let compared = sweeper::reconcile(&app).await?;
    println!("{}", serde_json::to_string(&compared)?);
    if compared.failed > 0 {
        return Err(format!("{} could not be compared: the log says why", compared.failed).into());
    }
    Ok(())
}

fn setup(needs: &[Dependency]) -> Result<Arc<AppState>, Error> {
    let parts = || -> Result<AppState, Error> { Ok(AppState::new(Config::from_env(needs)?, needs)?) };
    Ok(Arc::new(parts().inspect_err(|error| error!("cannot start: {error}"))?))
}
