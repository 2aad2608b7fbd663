//! The price of the Pro plan: read from Stripe and cached in Redis.

use std::time::Duration;

use app::AppState;
use app::telemetry::chain;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use tracing::warn;

use crate::billing::BillingError;

/// The age at which a cached price is refreshed from Stripe.
const MAX_AGE: Duration = Duration::from_mins(10);
/// Maximum wait for Stripe when there is a cached price to fall back on.
const MAX_WAIT: Duration = Duration::from_secs(1);
/// The time after a failed refresh before the next one.
const RETRY_DELAY: Duration = Duration::from_secs(30);

/// The price of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanPrice {
    /// In the currency's smallest unit.
    pub amount: i64,
    /// ISO 4217, in lower case.
    pub currency: String,
    /// The billing interval: `month`, or `3 months` for every third one.
    pub interval: String,
    read_at: DateTime<Utc>,
}

/// The price of the Pro plan, up to ten minutes old. While Stripe is unavailable, a cached
/// price of any age is returned.
pub async fn find(app: &AppState) -> Result<PlanPrice, BillingError> {
    let (price_id, now) = (&app.config.billing.price_id, app.clock.now());
    let Some(cached) = find_cached(app, price_id).await else {
        let price = read(app, price_id, now).await?;
        cache(app, price_id, &price).await;
        return Ok(price);
    };
    if now < cached.read_at + MAX_AGE {
        return Ok(cached);
    }
    let read = timeout(MAX_WAIT, read(app, price_id, now)).await;
    let price = match read.map_err(|elapsed| chain(&elapsed)).and_then(|read| read.map_err(|e| chain(&e))) {
        Ok(price) => price,
        Err(error) => {
            warn!(error, "failed to refresh the price; the cached one is used");
            // Visitors of the next seconds get the cached price without a call to Stripe.
            PlanPrice { read_at: now - MAX_AGE + RETRY_DELAY, ..cached }
        }
    };
    cache(app, price_id, &price).await;
    Ok(price)
}

async fn find_cached(app: &AppState, price_id: &str) -> Option<PlanPrice> {
    let cached = app.redis.find_price(price_id).await;
    let cached = cached.inspect_err(|error| warn!(error = chain(error), "price read without its cache"));
    cached.ok().flatten().and_then(|cached| serde_json::from_str(&cached).ok())
}

async fn read(app: &AppState, price_id: &str, read_at: DateTime<Utc>) -> Result<PlanPrice, BillingError> {
    let price = app.stripe()?.find_price(price_id).await?;
    let interval = price.recurring.map_or_else(
        || "once".to_owned(),
        |recurring| match recurring.interval_count {
            1 => recurring.interval,
            count => format!("{count} {}s", recurring.interval),
        },
    );
    let amount = price.unit_amount.ok_or(BillingError::NoUnitAmount)?;
    Ok(PlanPrice { amount, currency: price.currency, interval, read_at })
}

async fn cache(app: &AppState, price_id: &str, price: &PlanPrice) {
    let Ok(text) = serde_json::to_string(price) else { return };
    if let Err(error) = app.redis.cache_price(price_id, &text).await {
        warn!(error = chain(&error), "failed to cache the price");
    }
}
