//! Running a function: configuration, parts, stack, and the Lambda runtime.

use app::{App, Config, Need, Parts, telemetry};
use tracing::{error, info};

use crate::{Routes, stack};

/// Serves `routes` as the function called `service`, whose handlers use what `needs` names, until Lambda ends it.
///
/// # Errors
/// When the environment does not do (every wrong variable is named), or the runtime cannot be reached.
pub async fn serve(service: &'static str, needs: &[Need], routes: Routes) -> Result<(), lambda_http::Error> {
    telemetry::run(service, async {
        let app = App::from(setup(needs).inspect_err(|error| error!("cannot start: {error}"))?);
        info!("ready");
        lambda_http::run(stack(routes, &app)).await
    })
    .await
}

fn setup(needs: &[Need]) -> Result<Parts, lambda_http::Error> {
    Ok(Parts::new(Config::from_env(needs)?, needs)?)
}
