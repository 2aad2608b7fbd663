//! What the Pro plan costs: Stripe says so, and is not asked for every visitor.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use tracing::warn;

use crate::telemetry::chain;
use crate::{AppState, BillingError};

/// How long a price is good before Stripe is asked again.
const FRESH: Duration = Duration::from_mins(10);
/// How long Stripe is waited for by somebody who can be shown an old one.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long it is not asked after that.
const AGAIN: Duration = Duration::from_secs(30);

/// What a plan costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanPrice {
    /// In the currency's smallest unit.
    pub amount: i64,
    /// ISO 4217, in lower case.
    pub currency: String,
    /// How often it is paid: `month`, or `3 months` where it is not every one.
    pub interval: String,
    read_at: DateTime<Utc>,
}

impl AppState {
    /// What the Pro plan costs: up to ten minutes old, or where Stripe does not answer as old as it may be.
    ///
    /// # Errors
    /// When neither Stripe nor Redis knows.
    pub async fn price(&self) -> Result<PlanPrice, BillingError> {
        let (id, now) = (&self.config.billing.price_id, self.clock.now());
        let kept = self.redis.find_price(id).await;
        let kept = kept
            .inspect_err(|error| warn!(error = chain(error), "the price is asked for anew"))
            .ok()
            .flatten();
        let kept = kept.and_then(|kept| serde_json::from_str::<PlanPrice>(&kept).ok());
        if let Some(price) = kept.as_ref().filter(|price| now < price.read_at + FRESH) {
            return Ok(price.clone());
        }
        let Some(old) = kept else {
            let price = self.read_price(id, now).await?;
            self.keep_price(id, &price).await;
            return Ok(price);
        };
        // Who only looks is not to wait for a Stripe that does not answer, nor to have it asked each time.
        let read = timeout(PATIENCE, self.read_price(id, now)).await;
        let price = match read.map_err(|elapsed| chain(&elapsed)).and_then(|read| read.map_err(|e| chain(&e)))
        {
            Ok(price) => price,
            Err(error) => {
                warn!(error, "an old price is shown");
                PlanPrice { read_at: now - FRESH + AGAIN, ..old }
            }
        };
        self.keep_price(id, &price).await;
        Ok(price)
    }

    async fn read_price(&self, id: &str, read_at: DateTime<Utc>) -> Result<PlanPrice, BillingError> {
        let price = self.stripe()?.find_price(id).await?;
        let interval = price.recurring.map_or_else(
            || "once".to_owned(),
            |recurring| match recurring.interval_count {
                1 => recurring.interval,
                count => format!("{count} {}s", recurring.interval),
            },
        );
        let amount = price.unit_amount.ok_or(BillingError::NoAmount)?;
        Ok(PlanPrice { amount, currency: price.currency, interval, read_at })
    }

    async fn keep_price(&self, id: &str, price: &PlanPrice) {
        let Ok(text) = serde_json::to_string(price) else { return };
        if let Err(error) = self.redis.cache_price(id, &text).await {
            warn!(error = chain(&error), "the price is not cached");
        }
    }
}
