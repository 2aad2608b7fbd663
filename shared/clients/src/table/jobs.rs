//! Job records: how the last attempt at each message ended, kept for a day, and hourly counts of
//! completed and failed messages.
//!
//! They inform operators and decide nothing: Postgres is the source of truth for each message.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, PutRequest, WriteRequest};
use chrono::{DateTime, DurationRound, SecondsFormat, TimeDelta, Utc};
use domain::GenerationId;
use domain::message::{ErrorCode, ProcessingStatus};
use futures::future::try_join_all;
use tokio::time::sleep;

use super::{Item, Table, TableError, number, number_of, seconds, text, text_of};

/// How long a record is kept.
const LIFETIME: TimeDelta = TimeDelta::hours(24);

/// The hours that the totals cover, the current one included.
const HOURS: i32 = 24;

/// The number of items that share the counts of one hour; each takes 1,000 batches a second. The
/// items of a day fit into one read of at most 100.
const SHARDS: u8 = 4;

/// The most items of one `BatchGetItem`.
const READ_BATCH: usize = 100;

/// The most items of one `BatchWriteItem`.
const WRITE_BATCH: usize = 25;

/// The number of requests for items that DynamoDB leaves unprocessed for lack of capacity.
const ATTEMPTS: u32 = 4;

/// How an attempt at a generation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRecord {
    /// The generation.
    pub generation_id: GenerationId,
    /// Its status after the attempt.
    pub status: ProcessingStatus,
    /// The number of attempts so far, this one included.
    pub attempts: i32,
    /// Why the message failed, if it did.
    pub error_code: Option<ErrorCode>,
    /// What went wrong in this attempt, without any text of the user.
    pub last_error: Option<String>,
    /// The model that was called, if any.
    pub model: Option<String>,
    /// When the attempt began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: DateTime<Utc>,
}

/// How many messages reached a final state in the last 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JobTotals {
    /// Messages with an answer.
    pub completed: i64,
    /// Messages that failed.
    pub failed: i64,
}

impl Table {
    /// Stores `records`, the last one of each message, and counts the messages that reached a final
    /// state.
    pub async fn save_jobs(&self, records: &[JobRecord]) -> Result<(), TableError> {
        let (saved, counted) = tokio::join!(self.put_all(records), self.count(records));
        saved.and(counted)
    }

    async fn put_all(&self, records: &[JobRecord]) -> Result<(), TableError> {
        // A batch may contain each key only once.
        let last: HashMap<GenerationId, &JobRecord> =
            records.iter().map(|record| (record.generation_id, record)).collect();
        let items: Vec<Item> = last.into_values().map(item).collect();
        let batches = items.chunks(WRITE_BATCH).map(|items| self.put_batch(items));
        try_join_all(batches).await?;
        Ok(())
    }

    async fn put_batch(&self, items: &[Item]) -> Result<(), TableError> {
        const ACTION: &str = "BatchWriteItem";
        let mut requests = Vec::with_capacity(items.len());
        for item in items {
            let put = PutRequest::builder().set_item(Some(item.clone())).build();
            let put = put.map_err(TableError::new(ACTION))?;
            requests.push(WriteRequest::builder().put_request(put).build());
        }
        for attempt in 0..ATTEMPTS {
            let request = self.client.batch_write_item().request_items(&self.name, requests);
            let response = request.send().await.map_err(TableError::new(ACTION))?;
            let Some(unprocessed) = response.unprocessed_items.unwrap_or_default().remove(&self.name) else {
                return Ok(());
            };
            requests = unprocessed;
            sleep(backoff(attempt)).await;
        }
        Err(TableError::throttled(ACTION))
    }

    /// Adds to the hourly counts. Makes one write for each hour in which a message ended; for one
    /// batch that is nearly always one.
    async fn count(&self, records: &[JobRecord]) -> Result<(), TableError> {
        let mut hours: BTreeMap<String, HourCounts> = BTreeMap::new();
        for record in records {
            // The last byte of an id is random.
            let shard = records.first().map_or(0, |first| first.generation_id.0.as_bytes()[15] % SHARDS);
            let hour = hours.entry(counter_key(record.finished_at, shard)).or_default();
            match record.status {
                ProcessingStatus::Completed => hour.completed += 1,
                ProcessingStatus::Failed => hour.failed += 1,
                ProcessingStatus::Pending | ProcessingStatus::Processing | ProcessingStatus::Cancelled => {}
            }
            hour.expires_at = hour.expires_at.max(Some(record.finished_at + LIFETIME * 2));
        }
        try_join_all(hours.iter().map(|(key, counts)| self.add(key, *counts))).await?;
        Ok(())
    }

    async fn add(&self, key: &str, counts: HourCounts) -> Result<(), TableError> {
        let HourCounts { completed, failed, expires_at: Some(expires_at) } = counts else { return Ok(()) };
        if completed + failed == 0 {
            return Ok(());
        }
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .key("pk", text(key))
            .update_expression("ADD completed :completed, failed :failed SET expires_at = :expires_at")
            .expression_attribute_values(":completed", number(completed))
            .expression_attribute_values(":failed", number(failed))
            .expression_attribute_values(":expires_at", seconds(expires_at));
        update.send().await.map_err(TableError::new("UpdateItem"))?;
        Ok(())
    }

    /// The records of those `generations` that have one.
    pub async fn find_jobs(
        &self,
        generations: &[GenerationId],
        now: DateTime<Utc>,
    ) -> Result<HashMap<GenerationId, JobRecord>, TableError> {
        let items = self.get_all(generations.iter().copied().map(job_key).collect()).await?;
        let live = items.iter().filter(|item| number_of(item, "expires_at") > Some(now.timestamp()));
        live.map(|item| {
            let record = read(item).ok_or_else(|| TableError::unreadable("BatchGetItem", "a job record"))?;
            Ok((record.generation_id, record))
        })
        .collect()
    }

    /// The totals of the hour of `now` and the 23 hours before it.
    pub async fn job_totals(&self, now: DateTime<Utc>) -> Result<JobTotals, TableError> {
        let hours = (0..HOURS).map(|back| now - TimeDelta::hours(i64::from(back)));
        let keys = hours.flat_map(|hour| (0..SHARDS).map(move |shard| counter_key(hour, shard)));
        let items = self.get_all(keys.collect()).await?;
        let sum = |name| items.iter().filter_map(|item| number_of(item, name)).sum();
        Ok(JobTotals { completed: sum("completed"), failed: sum("failed") })
    }

    /// The items that exist among `keys`.
    async fn get_all(&self, keys: Vec<String>) -> Result<Vec<Item>, TableError> {
        let batches = keys.chunks(READ_BATCH).map(|keys| self.get_batch(keys));
        Ok(try_join_all(batches).await?.into_iter().flatten().collect())
    }

    async fn get_batch(&self, keys: &[String]) -> Result<Vec<Item>, TableError> {
        const ACTION: &str = "BatchGetItem";
        let mut wanted = KeysAndAttributes::builder()
            .set_keys(Some(keys.iter().map(|key| Item::from([("pk".to_owned(), text(key))])).collect()))
            .build()
            .map_err(TableError::new(ACTION))?;
        let mut found = Vec::with_capacity(keys.len());
        for attempt in 0..ATTEMPTS {
            let request = self.client.batch_get_item().request_items(&self.name, wanted);
            let response = request.send().await.map_err(TableError::new(ACTION))?;
            found.extend(response.responses.unwrap_or_default().into_values().flatten());
            let Some(unprocessed) = response.unprocessed_keys.unwrap_or_default().remove(&self.name) else {
                return Ok(found);
            };
            wanted = unprocessed;
            sleep(backoff(attempt)).await;
        }
        Err(TableError::throttled(ACTION))
    }
}

/// The messages that ended in one hour.
#[derive(Debug, Clone, Copy, Default)]
struct HourCounts {
    completed: i64,
    failed: i64,
    /// When the item expires.
    expires_at: Option<DateTime<Utc>>,
}

/// The wait before the next request for unprocessed items.
fn backoff(attempt: u32) -> Duration {
    Duration::from_millis(50 << attempt)
}

fn item(record: &JobRecord) -> Item {
    let JobRecord { generation_id, status, attempts, started_at, finished_at, .. } = *record;
    let optional = [
        ("error_code", record.error_code.map(ErrorCode::as_str)),
        ("last_error", record.last_error.as_deref()),
        ("model", record.model.as_deref()),
    ];
    [
        ("pk", text(job_key(generation_id))),
        ("status", text(status.as_str())),
        ("attempts", number(attempts)),
        ("started_at", time(started_at)),
        ("finished_at", time(finished_at)),
        ("expires_at", seconds(finished_at + LIFETIME)),
    ]
    .into_iter()
    .chain(optional.into_iter().filter_map(|(name, value)| Some((name, text(value?)))))
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

fn job_key(generation: GenerationId) -> String {
    format!("job#{generation}")
}

fn counter_key(at: DateTime<Utc>, shard: u8) -> String {
    let hour = at.duration_trunc(TimeDelta::hours(1)).unwrap_or(at);
    format!("jobs#{}#{shard}", hour.format("%Y-%m-%dT%H"))
}

fn time(time: DateTime<Utc>) -> AttributeValue {
    text(time.to_rfc3339_opts(SecondsFormat::Millis, true))
}

fn read(item: &Item) -> Option<JobRecord> {
    let time = |name| text_of(item, name)?.parse().ok();
    Some(JobRecord {
        generation_id: text_of(item, "pk")?.strip_prefix("job#")?.parse().ok()?,
        status: text_of(item, "status")?.try_into().ok()?,
        attempts: number_of(item, "attempts")?.try_into().ok()?,
        error_code: text_of(item, "error_code").and_then(|code| code.try_into().ok()),
        last_error: text_of(item, "last_error").map(str::to_owned),
        model: text_of(item, "model").map(str::to_owned),
        started_at: time("started_at")?,
        finished_at: time("finished_at")?,
    })
}
