//! Starts a function: reads the configuration, builds the shared state and runs the Lambda runtime.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use app::{AppState, Config, Dependency, telemetry};
use lambda_http::lambda_runtime::layers::TracingLayer;
use lambda_http::lambda_runtime::{LambdaInvocation, Runtime};
use lambda_http::{Adapter, Request, streaming_runtime};
use tower::ServiceExt as _;
use tower::util::ThenLayer;
use tracing::{error, info, warn};

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
    telemetry::run(service, async {
        let (service, app) = start(dependencies, routes)?;
        run(Runtime::new(Adapter::from(service)), &app).await
    })
    .await
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
        let (service, app) = start(dependencies, routes)?;
        stream_responses(service, &app).await
    })
    .await
}

/// Runs `runtime`. The spans of an invocation are exported after its response, for which no client waits,
/// and before the next event is asked for, when Lambda freezes the function.
async fn run<S>(runtime: Runtime<S>, app: &Arc<AppState>) -> Result<(), lambda_http::Error>
where
    S: lambda_http::Service<LambdaInvocation, Response = (), Error = lambda_http::Error>,
{
    let app = app.clone();
    let flush = ThenLayer::new(move |responded: Result<(), lambda_http::Error>| async move {
        app.tracer.flush().await;
        responded
    });
    runtime.layer(TracingLayer::new()).layer(flush).run().await
}

/// Runs the Lambda runtime, and again after an error that ended it. The runtime ends with an error
/// when a response cannot be sent to its end, and the process with it. AWS reads each response to its
/// end, but `cargo lambda watch` closes the connection when the client goes away, and starts no
/// other process. A runtime that ends before its first request has lost the Runtime API itself.
async fn stream_responses(service: Service, app: &Arc<AppState>) -> Result<(), lambda_http::Error> {
    loop {
        let has_served = Arc::new(AtomicBool::new(false));
        let noted = has_served.clone();
        let noting = service.clone().map_request(move |request: Request| {
            noted.store(true, Ordering::Relaxed);
            request
        });
        match run(streaming_runtime(noting), app).await {
            Err(error) if has_served.load(Ordering::Relaxed) => {
                warn!(%error, "a response was not sent to its end; waiting for the next request");
            }
            ended => return ended,
        }
    }
}

fn start(
    dependencies: &[Dependency],
    routes: Routes,
) -> Result<(Service, Arc<AppState>), lambda_http::Error> {
    let app = build_state(dependencies, &routes);
    let app = Arc::new(app.inspect_err(|error| error!("cannot start: {error}"))?);
    info!(commit = app.config.release.commit, deployment = app.config.release.deployment, "ready");
    app.switches.prefetch();
    Ok((stack(routes, &app), app))
}

fn build_state(dependencies: &[Dependency], routes: &Routes) -> Result<AppState, lambda_http::Error> {
    let app = AppState::new(Config::from_env(dependencies)?, dependencies)?;
    let is_idempotent = routes.table().iter().any(|route| route.policy.is_idempotent());
    if is_idempotent && app.idempotency_store.is_none() {
        return Err("a route accepts an Idempotency-Key, but IDEMPOTENCY_STORE is not a dependency".into());
    }
    Ok(app)
}
