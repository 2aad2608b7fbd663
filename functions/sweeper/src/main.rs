//! The Lambda `sweeper`.

use app::{App, Config, Parts, telemetry};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use tracing::{error, info};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::run("sweeper", async {
        let app = App::from(setup().inspect_err(|error| error!("cannot start: {error}"))?);
        info!("ready");
        // What the schedule sends says nothing that we need.
        let handler = |_: LambdaEvent<Value>| {
            let app = app.clone();
            async move {
                let swept = sweeper::sweep(&app).await;
                swept.inspect_err(|error| error!("a sweep broke off: {error}")).map_err(Error::from)
            }
        };
        lambda_runtime::run(service_fn(handler)).await
    })
    .await
}

fn setup() -> Result<Parts, Error> {
    Ok(Parts::new(Config::from_env(sweeper::NEEDS)?, sweeper::NEEDS)?)
}
