//! Receives Stripe's events and syncs the affected subscription.

use std::sync::Arc;

use app::AppState;
use app::metrics::{MetricEvent, WebhookOutcome};
use app::telemetry::chain;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use clients::stripe::webhook_signature::verify;
use domain::UserId;
use secrecy::ExposeSecret;
use serde::Serialize;
use services::billing::{self, BillingError, Resolution};
use store::{StoreError, subscriptions};
use tracing::{error, info, warn};
use web::{ApiError, RawBody, success};

use crate::event::Event;

/// The header with the signature.
const SIGNATURE: &str = "stripe-signature";

/// The receipt of an event.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct WebhookResponse {
    received: bool,
}

/// Receives an event from Stripe. The subscription is then read from Stripe itself. After a 5xx
/// response Stripe sends the event again.
#[utoipa::path(
    post, path = "/api/webhook/stripe",
    params(("Stripe-Signature" = String, Header, description = "`t=<seconds>,v1=<signature>`, see Stripe's documentation.")),
    request_body(content = serde_json::Value, description = "The event, byte for byte as it was signed, up to 512 KiB.", example = json!({ "id": "evt_1", "type": "invoice.payment_succeeded" })),
    responses(
        (status = 200, description = "The event was processed, or is not relevant.", body = WebhookResponse),
        (status = 400, description = "`invalid_signature`, `malformed_request`: The signature is invalid, or the body is not an event."),
        (status = 413, description = "`body_too_large`: The body is larger than 512 KiB."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Result<impl IntoResponse, ApiError> {
    let count = |outcome| app.metrics.emit(&MetricEvent::WebhookReceived(outcome));
    let event = read(&app, &headers, &body).inspect_err(|_| count(WebhookOutcome::Refused))?;
    let processed = if event.affects_subscription() {
        process_event(&app, &event).await
    } else if event.is_for_operators() {
        notify_operators(&app, &event).await
    } else {
        info!(event.id, event.kind, "event ignored: it does not affect subscriptions");
        Ok(())
    };
    count(if processed.is_ok() { WebhookOutcome::Accepted } else { WebhookOutcome::Failed });
    processed?;
    Ok(success(WebhookResponse { received: true }))
}

fn read(app: &AppState, headers: &HeaderMap, body: &[u8]) -> Result<Event, ApiError> {
    authenticate(app, headers, body)?;
    serde_json::from_slice(body)
        .map_err(|error| ApiError::malformed(format!("the body is not a Stripe event: {error}")))
}

fn authenticate(app: &AppState, headers: &HeaderMap, body: &[u8]) -> Result<(), ApiError> {
    let secrets = &app.config.billing.webhook_secrets;
    let secrets: Vec<&str> = secrets.iter().map(ExposeSecret::expose_secret).collect();
    let mut values = headers.get_all(SIGNATURE).iter();
    let header = values.next().and_then(|value| value.to_str().ok()).filter(|_| values.next().is_none());
    verify(header.unwrap_or_default(), body, &secrets, app.clock.now()).map_err(|error| {
        warn!(error = chain(&error), "webhook rejected: invalid signature");
        ApiError::new(StatusCode::BAD_REQUEST, "invalid_signature", error.to_string())
    })
}

/// Processes an event, unless it was processed before.
async fn process_event(app: &AppState, event: &Event) -> Result<(), BillingError> {
    let (was_processed, owner) = tokio::join!(was_processed(app, event), find_owner(app, event));
    if was_processed {
        info!(event.id, event.kind, "event ignored: it was processed before");
        return Ok(());
    }
    sync_owner(app, event, owner?).await?;
    // An idle sweeper must run again: the account may be due for a review earlier than it expects.
    let (noted, ()) = tokio::join!(app.redis.record_activity(), record(app, event));
    if let Err(error) = noted {
        warn!(error = chain(&error), event.id, "failed to wake the sweeper; its next review may be late");
    }
    Ok(())
}

/// Logs an error about a refund or a dispute, which raises an alarm; once for each event. The
/// subscription stays unless the configuration says otherwise: the operator decides.
async fn notify_operators(app: &AppState, event: &Event) -> Result<(), BillingError> {
    let (was_processed, owner) = tokio::join!(was_processed(app, event), find_owner(app, event));
    if was_processed {
        info!(event.id, event.kind, "event ignored: it was processed before");
        return Ok(());
    }
    // A dispute names its charge and no customer.
    let user = owner?.map(|user| user.to_string());
    let ended = match event.reversal() {
        Some(reversal) => billing::end_reversed_subscription(app, reversal).await,
        None => Ok(false),
    };
    match ended {
        Ok(ended) => {
            error!(event.id, event.kind, user.id = user, ended, "a payment was refunded or disputed");
        }
        Err(error) if error.is_transient() => return Err(error),
        Err(error) => {
            let error = chain(&error);
            error!(event.id, event.kind, user.id = user, error, "a payment was refunded or disputed");
        }
    }
    record(app, event).await;
    Ok(())
}

/// Finds the user whose customer the event belongs to.
async fn find_owner(app: &AppState, event: &Event) -> Result<Option<UserId>, StoreError> {
    match event.customer() {
        Some(customer) => subscriptions::find_user_by_customer(&app.db().await?, customer).await,
        None => Ok(None),
    }
}

/// Syncs the owner's subscription with Stripe. Logs an event without a known owner.
async fn sync_owner(app: &AppState, event: &Event, owner: Option<UserId>) -> Result<(), BillingError> {
    let Some(customer) = event.customer() else {
        warn!(event.id, event.kind, "event ignored: it has no customer");
        return Ok(());
    };
    let Some(user) = owner else { return process_unknown_customer(app, event, customer).await };
    let synced = billing::sync_subscription(app, user).await?;
    let status = synced.as_ref().and_then(|synced| Some(synced.subscription.as_ref()?.status.as_str()));
    info!(event.id, event.kind, user.id = %user, status, "event processed");
    Ok(())
}

/// Processes an event whose customer no account has. If its metadata names a user, that user gets
/// the customer, or an operator must decide.
async fn process_unknown_customer(app: &AppState, event: &Event, customer: &str) -> Result<(), BillingError> {
    let Some(user) = event.user() else {
        warn!(event.id, stripe.customer = customer, "event of an unknown customer");
        return Ok(());
    };
    let mut db = app.db().await?;
    let resolution = billing::resolve_unknown_customer(app, &mut db, user, customer).await?;
    if let Resolution::Refused(reason) = resolution {
        error!(event.id, stripe.customer = customer, user.id = %user, reason, "the customer of an event is unknown here, but its metadata names a user");
    } else {
        info!(event.id, event.kind, user.id = %user, ?resolution, "event processed");
    }
    Ok(())
}

/// Whether the event was processed before. This only saves work: an event whose record is
/// unreadable is processed again.
async fn was_processed(app: &AppState, event: &Event) -> bool {
    let found = async {
        let table = app.table().map_err(|error| chain(&error))?;
        Box::pin(table.has_event(&event.id, app.clock.now())).await.map_err(|error| chain(&error))
    };
    found.await.unwrap_or_else(|error| {
        warn!(error, event.id, "failed to read the record of an event; it is processed anyway");
        false
    })
}

async fn record(app: &AppState, event: &Event) {
    let written = async {
        let table = app.table().map_err(|error| chain(&error))?;
        Box::pin(table.record_event(&event.id, &event.kind, app.clock.now()))
            .await
            .map_err(|error| chain(&error))
    };
    if let Err(error) = written.await {
        warn!(error, event.id, "failed to record a processed event");
    }
}
