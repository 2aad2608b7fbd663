//! Records of processed Stripe events, for deduplication.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Table, TableError, number_of, seconds, text};

/// How long Stripe may deliver an event again: automatically for three days, by hand for thirty.
const LIFETIME: TimeDelta = TimeDelta::days(30);

impl Table {
    /// Whether the event `id` was processed.
    pub async fn has_event(&self, id: &str, now: DateTime<Utc>) -> Result<bool, TableError> {
        let get = self
            .client
            .get_item()
            .table_name(&self.name)
            .key("pk", text(key(id)))
            .projection_expression("expires_at")
            .consistent_read(true);
        let found = get.send().await.map_err(TableError::new("GetItem"))?.item;
        Ok(found.and_then(|item| number_of(&item, "expires_at")).is_some_and(|until| until > now.timestamp()))
    }

    /// Records that the event `id`, of the type `kind`, was processed.
    pub async fn record_event(&self, id: &str, kind: &str, now: DateTime<Utc>) -> Result<(), TableError> {
        let put = self
            .client
            .put_item()
            .table_name(&self.name)
            .item("pk", text(key(id)))
            .item("kind", text(kind))
            .item("seen_at", seconds(now))
            .item("expires_at", seconds(now + LIFETIME));
        put.send().await.map_err(TableError::new("PutItem"))?;
        Ok(())
    }
}

fn key(id: &str) -> String {
    format!("stripe#{id}")
}
