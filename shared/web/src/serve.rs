//! Starts a function: reads the configuration, builds the shared state and runs the Lambda runtime.

use std::sync::Arc;

use app::{AppState, Config, Dependency, telemetry};
use tracing::{error, info};

use crate::{Routes, Service, stack};

/// Serves `routes` as the function `service`, whose handlers use `dependencies`, until Lambda stops
/// the process.
///
/// # Errors
/// At start: a missing or wrong environment variable (the error names each of them), or a route
/// whose policy requires a dependency that is not listed.
pub async fn serve(
    service: &'static str,
    dependencies: &[Dependency],
    routes: Routes,
) -> Result<(), lambda_http::Error> {
    telemetry::run(service, async { lambda_http::run(start(dependencies, routes)?).await }).await
}

/// As [`serve`], for a function whose responses Lambda streams. All of its responses are in the
/// streaming format, those of failed requests too.
///
/// # Errors
/// As [`serve`].
pub async fn serve_streaming(
    service: &'static str,
    dependencies: &[Dependency],
    routes: Routes,
) -> Result<(), lambda_http::Error> {
    telemetry::run(service, async {
        lambda_http::run_with_streaming_response(start(dependencies, routes)?).await
    })
    .await
}

fn start(dependencies: &[Dependency], routes: Routes) -> Result<Service, lambda_http::Error> {
    let app = build_state(dependencies, &routes);
    let app = Arc::new(app.inspect_err(|error| error!("cannot start: {error}"))?);
    info!("ready");
    Ok(stack(routes, &app))
}

fn build_state(dependencies: &[Dependency], routes: &Routes) -> Result<AppState, lambda_http::Error> {
    let app = AppState::new(Config::from_env(dependencies)?, dependencies)?;
    let is_idempotent = routes.table().iter().any(|route| route.policy.is_idempotent());
    if is_idempotent && app.idempotency_store.is_none() {
        return Err("a route accepts an Idempotency-Key, but IDEMPOTENCY_STORE is not a dependency".into());
    }
    Ok(app)
}
