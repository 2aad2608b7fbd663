//! `POST /api/webhook/stripe`.

use std::sync::Arc;

use app::telemetry::chain;
use app::{AppState, BillingError};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use domain::UserId;
use domain::webhook_signature::verify;
use secrecy::ExposeSecret;
use serde::Serialize;
use store::{StoreError, subscriptions};
use tracing::{error, info, warn};
use web::{ApiError, RawBody, success};

use crate::event::Event;

/// The header with the signature.
const SIGNATURE: &str = "stripe-signature";

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Received {
    received: bool,
}

/// An event, from Stripe and nobody else. What it tells of is read from Stripe again; an answer of 5xx has Stripe send it
/// again.
#[utoipa::path(
    post, path = "/api/webhook/stripe", operation_id = "stripe_webhook", tag = "Webhook",
    params(("Stripe-Signature" = String, Header, description = "`t=<seconds>,v1=<signature>`, see Stripe's documentation.")),
    request_body(content = serde_json::Value, description = "The event, byte for byte as it was signed: 512 KiB at the most."),
    responses(
        (status = 200, description = "It is taken note of, or of no interest.", body = Received),
        (status = 400, description = "`invalid_signature`, `malformed_request`: It is not Stripe's, or not an event."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Result<impl IntoResponse, ApiError> {
    authenticate(&app, &headers, &body)?;
    let event: Event = serde_json::from_slice(&body)
        .map_err(|error| ApiError::malformed(format!("the body is not an event of Stripe's: {error}")))?;
    if event.affects_subscription() {
        process_event(&app, &event).await?;
    } else {
        info!(event.id, event.kind, "an event of no interest");
    }
    Ok(success(Received { received: true }))
}

fn authenticate(app: &AppState, headers: &HeaderMap, body: &[u8]) -> Result<(), ApiError> {
    let secrets = &app.config.billing.webhook_secrets;
    let secrets: Vec<&str> = secrets.iter().map(ExposeSecret::expose_secret).collect();
    let mut values = headers.get_all(SIGNATURE).iter();
    let header = values.next().and_then(|value| value.to_str().ok()).filter(|_| values.next().is_none());
    verify(header.unwrap_or_default(), body, &secrets, app.clock.now()).map_err(|error| {
        warn!(error = chain(&error), "a webhook that is not Stripe's");
        ApiError::new(StatusCode::BAD_REQUEST, "invalid_signature", error.to_string())
    })
}

/// Sees to an event, unless that was done before.
async fn process_event(app: &AppState, event: &Event) -> Result<(), BillingError> {
    let (is_on_record, owner) = tokio::join!(is_on_record(app, event), find_owner(app, event));
    if is_on_record {
        info!(event.id, event.kind, "an event that was seen to before");
        return Ok(());
    }
    settle(app, event, owner?).await?;
    // The sweeper may have something to look at earlier than it thinks.
    let (noted, ()) = tokio::join!(app.redis.note_activity(), record(app, event));
    if let Err(error) = noted {
        warn!(error = chain(&error), event.id, "the sweeper may be late");
    }
    Ok(())
}

/// Whose payments it tells of, as far as that is known here.
async fn find_owner(app: &AppState, event: &Event) -> Result<Option<UserId>, StoreError> {
    match event.customer() {
        Some(customer) => subscriptions::find_user_by_customer(&app.db().await?, customer).await,
        None => Ok(None),
    }
}

async fn settle(app: &AppState, event: &Event, owner: Option<UserId>) -> Result<(), BillingError> {
    let Some(customer) = event.customer() else {
        warn!(event.id, event.kind, "an event that is nobody's");
        return Ok(());
    };
    let Some(user) = owner else {
        // Of an account that is gone, or of another deployment with the same account at Stripe.
        if let Some(user) = event.user() {
            error!(event.id, stripe.customer = customer, user.id = %user, "an event of a customer that is not known here, made for an account of ours");
        } else {
            warn!(event.id, stripe.customer = customer, "an event of a customer that is not known here");
        }
        return Ok(());
    };
    let settled = app.sync_subscription(user).await?;
    let status = settled.as_ref().and_then(|settled| Some(settled.subscription.as_ref()?.status.as_str()));
    info!(event.id, event.kind, user.id = %user, status, "an event");
    Ok(())
}

/// Whether the event was seen to before. That only saves work: where the record cannot be read it is seen to again.
async fn is_on_record(app: &AppState, event: &Event) -> bool {
    let found = async {
        let table = app.table().map_err(|error| chain(&error))?;
        Box::pin(table.has_event(&event.id, app.clock.now())).await.map_err(|error| chain(&error))
    };
    found.await.unwrap_or_else(|error| {
        warn!(error, event.id, "whether an event was seen to before is not known");
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
        warn!(error, event.id, "that an event was seen to is not on record");
    }
}
