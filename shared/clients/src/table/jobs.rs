//! Job records: how the last attempt at a message ended, for a day. And how many messages ended how, by the hour.
//!
//! They are for the operator's eyes. Postgres has the state of each message; nothing is decided by these.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use chrono::{DateTime, DurationRound, SecondsFormat, TimeDelta, Utc};
use domain::MessageId;
use domain::message::{ErrorCode, ProcessingStatus};
use futures::future::try_join_all;
use tokio::time::sleep;

use super::{Item, Table, TableError, number, number_of, seconds, text, text_of};

/// How long a record is kept.
const LIFETIME: TimeDelta = TimeDelta::hours(24);

/// So many hours make up the totals, the one that has begun included.
const HOURS: i32 = 24;

/// So many items share the counting of one hour, each good for 1,000 messages a second. All of a day are one read: it
/// takes 100 at the most.
const SHARDS: u8 = 4;

/// The most items of one `BatchGetItem`.
const BATCH: usize = 100;

/// How often what DynamoDB had no capacity for is asked for again.
const TRIES: u32 = 4;

/// How an attempt at a message ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRecord {
    /// The message.
    pub message_id: MessageId,
    /// How far it was then.
    pub status: ProcessingStatus,
    /// Attempts counted by then.
    pub attempts: i32,
    /// Why it failed, where it did.
    pub error_code: Option<ErrorCode>,
    /// What went wrong in this attempt, in words that hold nothing of a person's.
    pub last_error: Option<String>,
    /// The model that was asked, where one was.
    pub model: Option<String>,
    /// When the attempt began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: DateTime<Utc>,
}

/// How many messages ended in the last 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// With an answer.
    pub completed: i64,
    /// Without one.
    pub failed: i64,
}

impl Table {
    /// Keeps `record` in the place of the one before, and counts its message where that has ended.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn record(&self, record: &JobRecord) -> Result<(), TableError> {
        let (kept, counted) = tokio::join!(self.keep(record), self.count(record));
        kept.and(counted)
    }

    async fn keep(&self, record: &JobRecord) -> Result<(), TableError> {
        let JobRecord { message_id, status, attempts, started_at, finished_at, .. } = *record;
        let mut item = Item::from([
            ("pk".to_owned(), text(job_key(message_id))),
            ("status".to_owned(), text(status.as_str())),
            ("attempts".to_owned(), number(attempts)),
            ("started_at".to_owned(), time(started_at)),
            ("finished_at".to_owned(), time(finished_at)),
            ("expires_at".to_owned(), seconds(finished_at + LIFETIME)),
        ]);
        let optional = [
            ("error_code", record.error_code.map(ErrorCode::as_str)),
            ("last_error", record.last_error.as_deref()),
            ("model", record.model.as_deref()),
        ];
        item.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), text(value?)))));
        let put = self.client.put_item().table_name(&self.name).set_item(Some(item));
        put.send().await.map_err(TableError::new("PutItem"))?;
        Ok(())
    }

    async fn count(&self, record: &JobRecord) -> Result<(), TableError> {
        let counter = match record.status {
            ProcessingStatus::Completed => "completed",
            ProcessingStatus::Failed => "failed",
            ProcessingStatus::Pending | ProcessingStatus::Processing | ProcessingStatus::Cancelled => {
                return Ok(());
            }
        };
        // The last byte of an id is random.
        let shard = record.message_id.0.as_bytes()[15] % SHARDS;
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .key("pk", text(counter_key(record.finished_at, shard)))
            .update_expression("ADD #counter :one SET expires_at = :expires_at")
            .expression_attribute_names("#counter", counter)
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":expires_at", seconds(record.finished_at + LIFETIME * 2));
        update.send().await.map_err(TableError::new("UpdateItem"))?;
        Ok(())
    }

    /// The records of `messages`, of those that have one.
    ///
    /// # Errors
    /// When DynamoDB does not answer, or a record cannot be read.
    pub async fn find_jobs(
        &self,
        messages: &[MessageId],
        now: DateTime<Utc>,
    ) -> Result<HashMap<MessageId, JobRecord>, TableError> {
        let items = self.get(messages.iter().copied().map(job_key).collect()).await?;
        let live = items.iter().filter(|item| number_of(item, "expires_at") > Some(now.timestamp()));
        live.map(|item| {
            let record = read(item).ok_or_else(|| TableError::unreadable("BatchGetItem", "a job record"))?;
            Ok((record.message_id, record))
        })
        .collect()
    }

    /// How many messages ended in the hour of `now` and the 23 before it.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn totals(&self, now: DateTime<Utc>) -> Result<Totals, TableError> {
        let hours = (0..HOURS).map(|back| now - TimeDelta::hours(i64::from(back)));
        let keys = hours.flat_map(|hour| (0..SHARDS).map(move |shard| counter_key(hour, shard)));
        let items = self.get(keys.collect()).await?;
        let sum = |name| items.iter().filter_map(|item| number_of(item, name)).sum();
        Ok(Totals { completed: sum("completed"), failed: sum("failed") })
    }

    /// The items under `keys`, of those that are there.
    async fn get(&self, keys: Vec<String>) -> Result<Vec<Item>, TableError> {
        let batches = keys.chunks(BATCH).map(|keys| self.get_batch(keys));
        Ok(try_join_all(batches).await?.into_iter().flatten().collect())
    }

    async fn get_batch(&self, keys: &[String]) -> Result<Vec<Item>, TableError> {
        const ACTION: &str = "BatchGetItem";
        let mut wanted = KeysAndAttributes::builder()
            .set_keys(Some(keys.iter().map(|key| Item::from([("pk".to_owned(), text(key))])).collect()))
            .build()
            .map_err(TableError::new(ACTION))?;
        let mut found = Vec::with_capacity(keys.len());
        for tries in 0..TRIES {
            let request = self.client.batch_get_item().request_items(&self.name, wanted);
            let answer = request.send().await.map_err(TableError::new(ACTION))?;
            found.extend(answer.responses.unwrap_or_default().into_values().flatten());
            let Some(rest) = answer.unprocessed_keys.unwrap_or_default().remove(&self.name) else {
                return Ok(found);
            };
            wanted = rest;
            sleep(Duration::from_millis(50 << tries)).await;
        }
        Err(TableError::unreadable(ACTION, "what there is no capacity for"))
    }
}

fn job_key(message: MessageId) -> String {
    format!("job#{message}")
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
        message_id: text_of(item, "pk")?.strip_prefix("job#")?.parse().ok()?,
        status: text_of(item, "status")?.try_into().ok()?,
        attempts: number_of(item, "attempts")?.try_into().ok()?,
        error_code: text_of(item, "error_code").and_then(|code| code.try_into().ok()),
        last_error: text_of(item, "last_error").map(str::to_owned),
        model: text_of(item, "model").map(str::to_owned),
        started_at: time("started_at")?,
        finished_at: time("finished_at")?,
    })
}
