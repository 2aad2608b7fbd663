//! What the Pro plan costs: Stripe says so, and is not asked for every visitor.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::telemetry::chain;
use crate::{App, BillingError};

/// How long a price is good before Stripe is asked again.
const FRESH: Duration = Duration::from_mins(10);

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

impl App {
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
        match (self.read_price(id, now).await, kept) {
            (Ok(price), _) => {
                self.keep_price(id, &price).await;
                Ok(price)
            }
            (Err(error), Some(price)) => {
                warn!(error = chain(&error), read_at = %price.read_at, "an old price is shown");
                Ok(price)
            }
            (Err(error), None) => Err(error),
        }
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
        Ok(PlanPrice {
            amount: price.unit_amount.unwrap_or_default(),
            currency: price.currency,
            interval,
            read_at,
        })
    }

    async fn keep_price(&self, id: &str, price: &PlanPrice) {
        let Ok(text) = serde_json::to_string(price) else { return };
        if let Err(error) = self.redis.keep_price(id, &text).await {
            warn!(error = chain(&error), "the price is not cached");
        }
    }
}
