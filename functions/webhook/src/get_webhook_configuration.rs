//! Reports which Stripe settings are present.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use web::{ApiError, success};

/// Which Stripe settings are present.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct WebhookConfigurationResponse {
    message: &'static str,
    configuration: WebhookSettingsView,
}

/// Whether each setting is present.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct WebhookSettingsView {
    stripe_secret_key: bool,
    stripe_webhook_secret: bool,
    stripe_price_id: bool,
}

/// Reports which Stripe settings are present, never their values. Public.
#[utoipa::path(
    get, path = "/api/webhook/test",
    responses(
        (status = 200, description = "The settings.", body = WebhookConfigurationResponse),
    ),
)]
pub(crate) async fn handle(State(app): State<Arc<AppState>>) -> Result<impl IntoResponse, ApiError> {
    let billing = &app.config.billing;
    let is_set = |secret: &SecretString| !secret.expose_secret().is_empty();
    Ok(success(WebhookConfigurationResponse {
        message: "Webhook endpoint is reachable",
        configuration: WebhookSettingsView {
            stripe_secret_key: is_set(&billing.secret_key),
            stripe_webhook_secret: billing.webhook_secrets.iter().any(is_set),
            stripe_price_id: !billing.price_id.is_empty(),
        },
    }))
}
