//! Running a function: configuration, parts, stack, and the Lambda runtime.

use std::sync::Arc;

use app::{AppState, Config, Dependency, telemetry};
use tracing::{error, info};

use crate::{Routes, stack};

/// Serves `routes` as the function called `service`, whose handlers use what `needs` names, until Lambda ends it.
///
/// # Errors
/// When the environment does not do (every wrong variable is named), when a need is not named, or the runtime cannot be reached.
pub async fn serve(
    service: &'static str,
    needs: &[Dependency],
    routes: Routes,
) -> Result<(), lambda_http::Error> {
    telemetry::run(service, async {
        let app = Arc::new(setup(needs, &routes).inspect_err(|error| error!("cannot start: {error}"))?);
        info!("ready");
        lambda_http::run(stack(routes, &app)).await
    })
    .await
}

fn setup(needs: &[Dependency], routes: &Routes) -> Result<AppState, lambda_http::Error> {
    let parts = AppState::new(Config::from_env(needs)?, needs)?;
    if parts.idempotency_store.is_none() && routes.table().iter().any(|route| route.idempotent) {
        return Err("a route takes an Idempotency-Key, and the function lacks IDEMPOTENCY_STORE".into());
    }
    Ok(parts)
}
