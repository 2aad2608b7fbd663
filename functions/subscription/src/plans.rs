//! `GET /api/subscription/plans`.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::Tier;
use domain::plan::Plan;
use serde::Serialize;
use web::{ApiError, success};

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Plans {
    plans: Vec<PlanView>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Plan)]
struct PlanView {
    id: Tier,
    name: &'static str,
    /// In the currency's smallest unit: cents, for most.
    price: i64,
    /// ISO 4217, in lower case.
    currency: String,
    /// How often it is paid: `month`, for example. Null where nothing is.
    interval: Option<String>,
    features: Vec<String>,
    limits: LimitsView,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct LimitsView {
    daily_messages: i32,
}

/// What there is to choose from, and what it costs. For everybody.
#[utoipa::path(
    get, path = "/api/subscription/plans", operation_id = "plans", tag = "Subscription",
    responses(
        (status = 200, description = "The plans, the least first.", body = Plans),
    ),
)]
pub(crate) async fn handle(State(app): State<Arc<AppState>>) -> Result<impl IntoResponse, ApiError> {
    let price = app.price().await?;
    let view = |plan: Plan| {
        let (amount, interval) = match plan.tier {
            Tier::Basic => (0, None),
            Tier::Pro => (price.amount, Some(price.interval.clone())),
        };
        PlanView {
            id: plan.tier,
            name: plan.name,
            price: amount,
            currency: price.currency.clone(),
            interval,
            features: plan.features,
            limits: LimitsView { daily_messages: plan.daily_messages },
        }
    };
    Ok(success(Plans { plans: app.config.daily_limits.plans().into_iter().map(view).collect() }))
}
