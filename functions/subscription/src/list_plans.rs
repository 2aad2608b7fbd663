//! Lists the plans with their prices.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::plan::Plan;
use domain::{Tier, currency};
use serde::Serialize;
use services::plan_price;
use web::{ApiError, success};

/// All plans.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct PlanListView {
    plans: Vec<PlanView>,
}

/// A plan and its price.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Plan)]
struct PlanView {
    id: Tier,
    name: &'static str,
    /// In whole units of the currency.
    #[schema(example = 14.99)]
    price: f64,
    /// The price in the currency's smallest unit, for most currencies cents.
    #[schema(example = 1499)]
    unit_amount: i64,
    /// ISO 4217, in capitals.
    #[schema(example = "USD")]
    currency: String,
    /// The billing interval, such as `month`. Null for a free plan.
    interval: Option<String>,
    features: Vec<String>,
    limits: PlanLimitsView,
}

/// The limits of a plan.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct PlanLimitsView {
    daily_messages: i32,
}

/// Lists the plans and their prices. Public.
#[utoipa::path(
    get, path = "/api/subscription/plans",
    responses(
        (status = 200, description = "The plans, the cheapest first.", body = PlanListView),
    ),
)]
pub(crate) async fn handle(State(app): State<Arc<AppState>>) -> Result<impl IntoResponse, ApiError> {
    let price = plan_price::find(&app).await?;
    let view = |plan: Plan| {
        let (amount, interval) = match plan.tier {
            Tier::Basic => (0, None),
            Tier::Pro => (price.amount, Some(price.interval.clone())),
        };
        PlanView {
            id: plan.tier,
            name: plan.name,
            price: currency::whole_units(amount, &price.currency),
            unit_amount: amount,
            currency: price.currency.to_uppercase(),
            interval,
            features: plan.features,
            limits: PlanLimitsView { daily_messages: plan.daily_messages },
        }
    };
    Ok(success(PlanListView { plans: app.config.daily_limits.plans().into_iter().map(view).collect() }))
}
