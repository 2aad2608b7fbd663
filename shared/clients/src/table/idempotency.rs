//! Idempotency records: the state and receipt of a request that its client may retry under one key.
//!
//! An execution claims a record under a lease, and only the lease's owner can complete it. The
//! record keeps the id of what the request creates, from the first execution on. So an execution
//! that takes over after a crash creates the same thing, and the primary key in Postgres is the
//! last guard. A record contains no text of a user.

use async_trait::async_trait;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{Item, Table, TableError, number, number_of, seconds, text, text_of};

/// How long a client may retry its request.
const LIFETIME: TimeDelta = TimeDelta::hours(24);

/// How long an execution may take before another may take over: a little longer than a request's
/// timeout.
const LEASE: TimeDelta = TimeDelta::seconds(35);

/// A request with an idempotency key.
#[derive(Debug, Clone, Copy)]
pub struct ClaimRequest<'a> {
    /// The key, made unique for its caller and route.
    pub key: &'a str,
    /// The fingerprint of the request, which differs for another request under the same key.
    pub payload_hash: &'a str,
    /// The fingerprint that the release before the canonical form of bodies has stored for the same
    /// request.
    pub verbatim_payload_hash: &'a str,
    /// The id of what the request creates, if this is its first execution.
    pub operation_id: Uuid,
    /// The current time.
    pub now: DateTime<Utc>,
}

/// The result of claiming a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// The caller must execute the request.
    Execute {
        /// The claim on the record.
        lease: Lease,
        /// The id of what the request creates.
        operation_id: Uuid,
        /// Whether an earlier execution was interrupted and may have done part of the work.
        is_retry: bool,
    },
    /// The request was executed; this is its receipt.
    Completed(String),
    /// Another execution is in progress.
    InFlight,
    /// The key was used for a different request.
    PayloadMismatch,
}

/// The claim of one execution on a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    key: String,
    owner: String,
}

/// The store of idempotency records. It is a trait so that a function without idempotent routes is
/// not linked with DynamoDB's client.
#[async_trait]
pub trait IdempotencyStore: Send + Sync {
    /// Claims the execution of a request, unless it was executed or is in progress.
    async fn claim(&self, request: ClaimRequest<'_>) -> Result<ClaimOutcome, TableError>;

    /// Finds the receipt of a request that was executed, without writing anything.
    async fn find_receipt(&self, request: ClaimRequest<'_>) -> Result<Option<String>, TableError>;

    /// Stores the receipt of a successful execution. Returns false when the lease was lost.
    async fn complete(&self, lease: &Lease, receipt: &str) -> Result<bool, TableError>;

    /// Ends the lease, so that a retry can take over at once: this execution was interrupted and
    /// may have done part of the work.
    async fn release(&self, lease: &Lease) -> Result<(), TableError>;

    /// Deletes the record: the request was refused, and no execution of it did any work.
    async fn delete(&self, lease: &Lease) -> Result<(), TableError>;
}

#[async_trait]
impl IdempotencyStore for Table {
    async fn claim(&self, request: ClaimRequest<'_>) -> Result<ClaimOutcome, TableError> {
        let lease = Lease { key: partition_key(request.key), owner: Uuid::new_v4().to_string() };
        let put = self
            .client
            .put_item()
            .table_name(&self.name)
            .item("pk", text(&lease.key))
            .item("status", text("INPROGRESS"))
            .item("owner", text(&lease.owner))
            .item("operation_id", text(request.operation_id.to_string()))
            .item("payload_hash", text(request.payload_hash))
            .item("in_progress_until", number((request.now + LEASE).timestamp_millis()))
            .item("expires_at", seconds(request.now + LIFETIME))
            .condition_expression("attribute_not_exists(pk) OR expires_at <= :now")
            .expression_attribute_values(":now", seconds(request.now))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let old = match put.send().await.map_err(SdkError::into_service_error) {
            Ok(_) => {
                let operation_id = request.operation_id;
                return Ok(ClaimOutcome::Execute { lease, operation_id, is_retry: false });
            }
            Err(PutItemError::ConditionalCheckFailedException(failed)) => failed.item.unwrap_or_default(),
            Err(error) => return Err(TableError::new("PutItem")(error)),
        };
        self.claim_existing(&old, request, lease).await
    }

    async fn find_receipt(&self, request: ClaimRequest<'_>) -> Result<Option<String>, TableError> {
        let get = self
            .client
            .get_item()
            .table_name(&self.name)
            .key("pk", text(partition_key(request.key)))
            .consistent_read(true);
        let found = get.send().await.map_err(TableError::new("GetItem"))?.item.unwrap_or_default();
        let is_current = number_of(&found, "expires_at").is_some_and(|end| end > request.now.timestamp());
        let is_same = matches_payload(&found, &request);
        let receipt = text_of(&found, "receipt").filter(|_| is_current && is_same);
        Ok(receipt.map(str::to_owned))
    }

    async fn complete(&self, lease: &Lease, receipt: &str) -> Result<bool, TableError> {
        let update = self
            .update(&lease.key, &lease.owner)
            .update_expression("SET #status = :completed, receipt = :receipt REMOVE in_progress_until")
            .expression_attribute_values(":completed", text("COMPLETED"))
            .expression_attribute_values(":receipt", text(receipt));
        apply(update).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), TableError> {
        let update = self
            .update(&lease.key, &lease.owner)
            .update_expression("SET in_progress_until = :ended")
            .expression_attribute_values(":ended", number(0));
        apply(update).await.map(|_| ())
    }

    async fn delete(&self, lease: &Lease) -> Result<(), TableError> {
        let delete = self
            .client
            .delete_item()
            .table_name(&self.name)
            .key("pk", text(&lease.key))
            .condition_expression("#owner = :owner AND #status = :in_progress")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":owner", text(&lease.owner))
            .expression_attribute_values(":in_progress", text("INPROGRESS"));
        match delete.send().await.map_err(SdkError::into_service_error) {
            Ok(_) | Err(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(()),
            Err(error) => Err(TableError::new("DeleteItem")(error)),
        }
    }
}

impl Table {
    /// Reopens the receipts of requests that were executed after `since`, and returns their
    /// number: after a restore of an older Postgres, what they describe may be gone. The next
    /// request with the same key is executed as a retry, so it finds what was restored and creates
    /// what was lost, with the same id. Reads the whole table: not for a function.
    pub async fn reopen_receipts(&self, since: DateTime<Utc>) -> Result<usize, TableError> {
        let scan = self
            .client
            .scan()
            .table_name(&self.name)
            .filter_expression(
                "begins_with(pk, :prefix) AND attribute_exists(receipt) AND expires_at >= :since",
            )
            .projection_expression("pk")
            .expression_attribute_values(":prefix", text(partition_key("")))
            .expression_attribute_values(":since", seconds(since + LIFETIME));
        let mut found = scan.into_paginator().items().send();
        let mut count = 0;
        while let Some(item) = found.next().await {
            let item = item.map_err(TableError::new("Scan"))?;
            let Some(key) = text_of(&item, "pk") else { continue };
            count += usize::from(self.reopen_receipt(key).await?);
        }
        Ok(count)
    }

    /// Returns whether the record still had a receipt.
    async fn reopen_receipt(&self, key: &str) -> Result<bool, TableError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .key("pk", text(key))
            .condition_expression("attribute_exists(receipt)")
            .update_expression("SET #status = :in_progress, in_progress_until = :over REMOVE receipt")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":in_progress", text("INPROGRESS"))
            .expression_attribute_values(":over", number(0));
        apply(update).await
    }

    /// Decides what an existing record means for a request, and takes over an expired lease.
    async fn claim_existing(
        &self,
        old: &Item,
        request: ClaimRequest<'_>,
        lease: Lease,
    ) -> Result<ClaimOutcome, TableError> {
        let unreadable = || TableError::unreadable("PutItem", "the idempotency record");
        let operation_id =
            text_of(old, "operation_id").and_then(|id| id.parse().ok()).ok_or_else(unreadable)?;
        let owner = text_of(old, "owner").ok_or_else(unreadable)?;
        if owner == lease.owner {
            // This call's own record: the SDK wrote it, lost the response and retried.
            return Ok(ClaimOutcome::Execute { lease, operation_id, is_retry: false });
        }
        text_of(old, "payload_hash").ok_or_else(unreadable)?;
        if !matches_payload(old, &request) {
            return Ok(ClaimOutcome::PayloadMismatch);
        }
        if let Some(receipt) = text_of(old, "receipt") {
            return Ok(ClaimOutcome::Completed(receipt.to_owned()));
        }
        let until = number_of(old, "in_progress_until").ok_or_else(unreadable)?;
        if until > request.now.timestamp_millis() {
            return Ok(ClaimOutcome::InFlight);
        }
        let take_over = self
            .update(&lease.key, owner)
            .condition_expression("#owner IN (:owner, :me) AND #status = :in_progress")
            .update_expression("SET #owner = :me, in_progress_until = :until")
            .expression_attribute_values(":me", text(&lease.owner))
            .expression_attribute_values(":until", number((request.now + LEASE).timestamp_millis()));
        // When the condition fails, another execution has just taken over.
        if !apply(take_over).await? {
            return Ok(ClaimOutcome::InFlight);
        }
        Ok(ClaimOutcome::Execute { lease, operation_id, is_retry: true })
    }

    /// An update of a record in progress, on the condition that `owner` holds its lease.
    fn update(&self, key: &str, owner: &str) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.name)
            .key("pk", text(key))
            .condition_expression("#owner = :owner AND #status = :in_progress")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":owner", text(owner))
            .expression_attribute_values(":in_progress", text("INPROGRESS"))
    }
}

fn partition_key(key: &str) -> String {
    format!("idempotency#{key}")
}

fn matches_payload(record: &Item, request: &ClaimRequest<'_>) -> bool {
    text_of(record, "payload_hash")
        .is_some_and(|stored| stored == request.payload_hash || stored == request.verbatim_payload_hash)
}

/// Sends `update` and returns whether its condition held.
async fn apply(update: UpdateItemFluentBuilder) -> Result<bool, TableError> {
    match update.send().await.map_err(SdkError::into_service_error) {
        Ok(_) => Ok(true),
        Err(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
        Err(error) => Err(TableError::new("UpdateItem")(error)),
    }
}
