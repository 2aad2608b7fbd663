//! Returns the caller's plan and subscription.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use domain::Tier;
use domain::subscription::Subscription;
use serde::Serialize;
use store::subscriptions;
use web::{ApiError, Caller, success};

/// The caller's plan.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct EntitlementResponse {
    subscription: EntitlementView,
}

/// A plan and the subscription behind it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct EntitlementView {
    /// The current plan.
    tier: Tier,
    /// The status of the subscription at Stripe, or `inactive` for a user who never had one.
    #[schema(example = "active")]
    status: &'static str,
    current_period_end: Option<DateTime<Utc>>,
    /// Whether the subscription ends with the current period.
    cancel_at_period_end: bool,
    /// When the subscription ends, or ended. Null if it renews until it is cancelled.
    ends_at: Option<DateTime<Utc>>,
    /// What the user must do for the plan. Null if nothing.
    required_action: Option<RequiredActionView>,
}

/// What the user must do.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = RequiredAction)]
struct RequiredActionView {
    /// `pay_invoice`: pay or confirm the open invoice.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The page at Stripe for it. Null if only the portal shows it.
    #[schema(example = "https://invoice.stripe.com/i/acct_1/test_1")]
    url: Option<String>,
}

impl RequiredActionView {
    fn of(subscription: &Subscription) -> Option<Self> {
        let is_due = subscription.status.requires_payment();
        is_due.then(|| Self { kind: "pay_invoice", url: subscription.invoice_url.clone() })
    }
}

/// Returns the caller's plan and the subscription behind it.
///
/// The status is null for a user who never had a subscription.
#[utoipa::path(
    get, path = "/api/subscription/status",
    security(("token" = [])),
    responses(
        (status = 200, description = "The plan.", body = EntitlementResponse),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
) -> Result<impl IntoResponse, ApiError> {
    let found = subscriptions::find(&app.db().await?, caller.user_id).await?;
    let account = found.ok_or_else(|| ApiError::not_found("account"))?;
    let one = account.subscription.as_ref();
    Ok(success(EntitlementResponse {
        subscription: EntitlementView {
            tier: account.tier,
            status: one.map_or("inactive", |one| one.status.as_str()),
            current_period_end: one.and_then(|one| one.period_end),
            cancel_at_period_end: one.is_some_and(|one| one.cancel_at_period_end),
            ends_at: one.and_then(|one| one.ends_at),
            required_action: one.and_then(RequiredActionView::of),
        },
    }))
}
