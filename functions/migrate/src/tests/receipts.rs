//! The command that reopens receipts after a restore of Postgres.

use app::Clock;
use chrono::{DateTime, TimeDelta, Utc};
use clients::table::Table;
use clients::table::idempotency::{ClaimOutcome, ClaimRequest, IdempotencyStore as _};
use uuid::Uuid;

use super::switches::start;
use crate::receipts;

fn request(key: &str, now: DateTime<Utc>) -> ClaimRequest<'_> {
    let operation_id = Uuid::new_v4();
    ClaimRequest { key, payload_hash: "hash", verbatim_payload_hash: "hash", operation_id, now }
}

/// Executes the request `key` at `now`, and returns the id of what it creates.
async fn execute(table: &Table, key: &str, now: DateTime<Utc>) -> Uuid {
    let claimed = table.claim(request(key, now)).await.unwrap();
    let ClaimOutcome::Execute { lease, operation_id, .. } = claimed else { panic!("{claimed:?}") };
    assert!(table.complete(&lease, "receipt").await.unwrap());
    operation_id
}

#[tokio::test]
async fn receipts_since_the_restored_time_are_executed_again_as_retries() {
    let config = start().await;
    let table = Table::new(&config.aws.load().unwrap(), &config.table_name);
    let (now, minute) = (Clock::default().now(), TimeDelta::minutes(1));
    let before = now - minute * 2;
    let _ = execute(&table, "before", before).await;
    let id = execute(&table, "after", now).await;
    let since = (now - minute).to_rfc3339();
    assert_eq!(receipts::reopen(&config, &since).await.unwrap(), 1);
    assert_eq!(receipts::reopen(&config, &since).await.unwrap(), 0, "nothing is left");
    let kept = table.claim(request("before", now)).await.unwrap();
    assert_eq!(kept, ClaimOutcome::Completed("receipt".to_owned()));
    let retried = table.claim(request("after", now)).await.unwrap();
    let is_retry =
        matches!(retried, ClaimOutcome::Execute { operation_id, is_retry: true, .. } if operation_id == id);
    assert!(is_retry, "{retried:?}");
}

#[tokio::test]
async fn text_that_is_no_time_is_refused() {
    let config = start().await;
    let refused = receipts::reopen(&config, "yesterday").await.unwrap_err().to_string();
    assert_eq!(refused, "\"yesterday\" is not a time such as 2026-11-28T02:00:00Z");
}
