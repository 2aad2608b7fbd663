//! `GET /health`.

use std::sync::Arc;

use std::fmt::Display;
use std::sync::LazyLock;
use std::time::Duration;

use app::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use garde::Validate;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout};
use tracing::warn;
use web::{ApiError, ValidQuery, success};

/// How long a part may take to answer before it counts as down.
const PATIENCE: Duration = Duration::from_secs(5);

/// When this process began; touched once at start.
pub(crate) static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);

#[derive(Debug, Deserialize, Validate, utoipa::IntoParams)]
#[garde(allow_unvalidated)]
#[into_params(parameter_in = Query)]
pub(crate) struct Depth {
    #[serde(default)]
    deep: bool,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Health {
    status: &'static str,
    timestamp: DateTime<Utc>,
    /// Seconds since this process began.
    uptime: f64,
    version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    checks: Option<Checks>,
}

#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
struct Checks {
    postgres: Check,
    redis: Check,
    queue: Check,
    table: Check,
    gemini: Check,
    stripe: Check,
}

#[derive(Debug, Clone, Copy, Serialize, utoipa::ToSchema)]
struct Check {
    status: &'static str,
    latency_ms: u64,
}

/// That we are there; with `deep=true`, what we depend on too: 503 when one is down that we cannot do without.
#[utoipa::path(
    get, path = "/health", operation_id = "health", tag = "Site",
    params(Depth),
    responses(
        (status = 200, description = "We are there.", body = Health),
        (status = 503, description = "`unavailable`: Something that the service cannot do without is down."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    ValidQuery(depth): ValidQuery<Depth>,
) -> Result<Response, ApiError> {
    let checks = if depth.deep { Some(Box::pin(check_all(&app)).await) } else { None };
    // Without Redis, Gemini or Stripe messages are still taken in and kept.
    let down = checks.as_ref().is_some_and(|checks| {
        [checks.postgres, checks.queue, checks.table].iter().any(|check| check.status != "up")
    });
    if down {
        let detail = "something that the service cannot do without is down; see checks";
        return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
            .with("checks", checks)
            .retry_after(PATIENCE));
    }
    let health = Health {
        status: "OK",
        timestamp: app.clock.now(),
        uptime: STARTED.elapsed().as_secs_f64(),
        version: env!("CARGO_PKG_VERSION"),
        checks,
    };
    Ok(success(health).into_response())
}

async fn check_all(app: &AppState) -> Checks {
    let (postgres, redis, queue, table, gemini, stripe) = tokio::join!(
        check("postgres", app.database.ping()),
        check("redis", app.redis.ping()),
        check("queue", async { app.queue().map_err(text)?.ping().await.map_err(text) }),
        check("table", async { app.table().map_err(text)?.ping().await.map_err(text) }),
        check("gemini", async {
            app.model().map_err(text)?.ping(&app.config.gemini.model_basic).await.map_err(text)
        }),
        check("stripe", async {
            let price = app.stripe().map_err(text)?.find_price(&app.config.billing.price_id);
            price.await.map(drop).map_err(text)
        }),
    );
    Checks { postgres, redis, queue, table, gemini, stripe }
}

/// How `part` is. Why it is down goes to the log alone.
async fn check<E: Display>(part: &'static str, ping: impl Future<Output = Result<(), E>>) -> Check {
    let started = Instant::now();
    let status = match timeout(PATIENCE, ping).await {
        Ok(Ok(())) => "up",
        Ok(Err(error)) => {
            warn!(part, error = %error, "down");
            "down"
        }
        Err(_) => {
            warn!(part, "does not answer");
            "down"
        }
    };
    Check { status, latency_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX) }
}

fn text(error: impl Display) -> String {
    error.to_string()
}
