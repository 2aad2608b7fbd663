//! Reports whether the service and its dependencies work.

use std::fmt::Display;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use app::{AppState, Release};
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, TimeDelta, Utc};
use garde::Validate;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use tracing::warn;
use web::{ApiError, ValidQuery, success};

/// The longest time for the check of one dependency. A slower one counts as down.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the check of the dependencies is reused: anyone may ask for it, and it calls four vendors.
const MAX_AGE: TimeDelta = TimeDelta::seconds(5);

/// The status of a dependency that responds but refuses the account, and then of the service.
const DEGRADED: &str = "degraded";

/// When this process started.
static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Starts the clock of `uptime`. The process calls this when it starts.
pub fn start_uptime() {
    LazyLock::force(&STARTED);
}

#[derive(Debug, Deserialize, Validate, utoipa::IntoParams)]
#[garde(allow_unvalidated)]
#[into_params(parameter_in = Query)]
pub(crate) struct HealthQuery {
    /// Whether to check the dependencies too.
    #[serde(default)]
    deep: bool,
}

/// The state of the service.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Health {
    /// `OK`, or `degraded` if Gemini is down or refused the account lately.
    status: &'static str,
    /// When the dependencies were checked, at most five seconds ago; without `deep`, now.
    timestamp: DateTime<Utc>,
    /// Seconds since this process started.
    uptime: f64,
    version: &'static str,
    /// The hash of the commit that the service was built from, if it is known.
    commit: Option<String>,
    /// When that commit was made.
    committed_at: Option<DateTime<Utc>>,
    /// The fingerprint of the deployment's configuration.
    deployment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checks: Option<DependencyChecks>,
}

/// The latest check of the dependencies. Requests of one process share it for a few seconds, and a
/// check in progress.
#[derive(Debug, Default)]
pub(crate) struct CheckCache(Mutex<Option<(DateTime<Utc>, DependencyChecks)>>);

impl CheckCache {
    /// The checks and when they were made, at most [`MAX_AGE`] ago.
    async fn checks(&self, app: &AppState) -> (DateTime<Utc>, DependencyChecks) {
        // Held during a check: a second request waits for its result.
        let mut latest = self.0.lock().await;
        let now = app.clock.now();
        if let Some((at, checks)) = latest.as_ref().filter(|(at, _)| now - at < MAX_AGE) {
            return (*at, checks.clone());
        }
        let checks = Box::pin(check_all(app)).await;
        *latest = Some((now, checks.clone()));
        (now, checks)
    }
}

/// The state of each dependency.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
struct DependencyChecks {
    postgres: DependencyCheck,
    redis: DependencyCheck,
    queue: DependencyCheck,
    table: DependencyCheck,
    gemini: DependencyCheck,
    stripe: DependencyCheck,
}

/// Whether a dependency responds, and how fast.
#[derive(Debug, Clone, Copy, Serialize, utoipa::ToSchema)]
struct DependencyCheck {
    /// `up`, `down`, or `degraded`: the dependency responds but refuses the account.
    status: &'static str,
    latency_ms: u64,
}

/// Reports that the service is up.
///
/// With `deep=true` it checks each dependency, at most every five seconds, and answers 503 if a
/// required one is down. `status` is `degraded` if Gemini is down, or refused the key or billing in the last 15 minutes.
#[utoipa::path(
    get, path = "/health",
    params(HealthQuery),
    responses(
        (status = 200, description = "The service is up.", body = Health),
        (status = 503, description = "`unavailable`: A required dependency is down."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    Extension(cache): Extension<Arc<CheckCache>>,
    ValidQuery(query): ValidQuery<HealthQuery>,
) -> Result<Response, ApiError> {
    let checked = if query.deep { Some(cache.checks(&app).await) } else { None };
    let (timestamp, checks) = match checked {
        Some((at, checks)) => (at, Some(checks)),
        None => (app.clock.now(), None),
    };
    // Without Redis, Gemini or Stripe the service still accepts and stores messages.
    let is_down = checks.as_ref().is_some_and(|checks| {
        [checks.postgres, checks.queue, checks.table].iter().any(|check| check.status != "up")
    });
    if is_down {
        let detail = "a required dependency is down; see checks";
        return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
            .with("checks", checks)
            .retry_after(CHECK_TIMEOUT));
    }
    let is_degraded = checks.as_ref().is_some_and(|checks| checks.gemini.status != "up");
    let Release { commit, committed_at, deployment } = app.config.release.clone();
    let health = Health {
        status: if is_degraded { DEGRADED } else { "OK" },
        timestamp,
        uptime: STARTED.elapsed().as_secs_f64(),
        version: env!("CARGO_PKG_VERSION"),
        commit,
        committed_at,
        deployment,
        checks,
    };
    Ok(success(health).into_response())
}

async fn check_all(app: &AppState) -> DependencyChecks {
    let (postgres, redis, queue, table, mut gemini, stripe, is_refused) = tokio::join!(
        check("postgres", app.database.ping()),
        check("redis", app.redis.ping()),
        check("queue", async { app.queue().map_err(text)?.ping().await.map_err(text) }),
        check("table", async { app.table().map_err(text)?.ping().await.map_err(text) }),
        check("gemini", async {
            app.model().map_err(text)?.ping(&app.config.gemini.models.basic().id).await.map_err(text)
        }),
        check("stripe", async {
            let price = app.stripe().map_err(text)?.find_price(&app.config.billing.price_id);
            price.await.map(drop).map_err(text)
        }),
        is_refused_by_gemini(app),
    );
    if is_refused {
        gemini.status = DEGRADED;
    }
    DependencyChecks { postgres, redis, queue, table, gemini, stripe }
}

/// Whether Gemini lately refused a worker's call because of the key or the account's money. The
/// ping does not show that: it costs nothing, and a key can be refused for calls only.
async fn is_refused_by_gemini(app: &AppState) -> bool {
    let models = app.config.gemini.models.all();
    let models: Vec<&str> = models.iter().map(|model| model.id.as_str()).collect();
    // Without Redis nothing is known about earlier calls.
    let refusal = app.model_rate_limiter.find_refusal(&models).await.ok().flatten();
    if let Some(error_code) = &refusal {
        warn!(error_code, "Gemini recently refused the account");
    }
    refusal.is_some()
}

/// Checks one dependency. The reason why it is down is only logged.
async fn check<E: Display>(
    dependency: &'static str,
    ping: impl Future<Output = Result<(), E>>,
) -> DependencyCheck {
    let started = Instant::now();
    let status = match timeout(CHECK_TIMEOUT, ping).await {
        Ok(Ok(())) => "up",
        Ok(Err(error)) => {
            warn!(dependency, error = %error, "health check failed");
            "down"
        }
        Err(_) => {
            warn!(dependency, "health check timed out");
            "down"
        }
    };
    DependencyCheck { status, latency_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX) }
}

fn text(error: impl Display) -> String {
    error.to_string()
}
