//! Idempotency records: what became of a request that its client may send again under the same key.
//!
//! An execution holds a record under a lease, and completes it only as its owner. What it is to create has an id that is
//! kept in the record from the first execution on: one that takes over after a crash creates the same thing, and the
//! primary key in Postgres is the last guard. No text of a person is in a record.

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

/// How long a client may send its request again.
const LIFETIME: TimeDelta = TimeDelta::hours(24);

/// How long an execution may take before another may take over: a little more than a request lives.
const LEASE: TimeDelta = TimeDelta::seconds(35);

/// A request under a key.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// Names the key in its scope.
    pub key: &'a str,
    /// Tells this request from another under the same key.
    pub payload_hash: &'a str,
    /// The id for what is to be created, if this is the first execution.
    pub operation_id: Uuid,
    /// Now.
    pub now: DateTime<Utc>,
}

/// What a record had to say to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// It is to be executed.
    Execute {
        /// The right to do so.
        lease: Lease,
        /// The id for what is created.
        operation_id: Uuid,
        /// Whether an execution before broke off, having done who knows what.
        again: bool,
    },
    /// It was executed; this is its receipt.
    Completed(String),
    /// It is being executed at this moment.
    InFlight,
    /// Another request had this key.
    Mismatch,
}

/// The right to execute a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    key: String,
    owner: String,
}

/// The records, as those who execute requests see them. A trait, so that a function whose requests take no keys is not linked
/// with what they are kept in.
#[async_trait]
pub trait IdempotencyKeys: Send + Sync {
    /// Begins the execution of a request, unless it was, or is being, executed.
    async fn begin(&self, claim: Claim<'_>) -> Result<Begun, TableError>;

    /// Keeps the receipt of an execution that succeeded. Answers whether it was still its lease.
    async fn complete(&self, lease: &Lease, receipt: &str) -> Result<bool, TableError>;

    /// Lets another execution take over at once: this one broke off, having done who knows what.
    async fn release(&self, lease: &Lease) -> Result<(), TableError>;

    /// Forgets the key: the request was refused, and no execution of it can have done anything.
    async fn forget(&self, lease: &Lease) -> Result<(), TableError>;
}

#[async_trait]
impl IdempotencyKeys for Table {
    async fn begin(&self, claim: Claim<'_>) -> Result<Begun, TableError> {
        let lease = Lease { key: format!("idempotency#{}", claim.key), owner: Uuid::new_v4().to_string() };
        let put = self
            .client
            .put_item()
            .table_name(&self.name)
            .item("pk", text(&lease.key))
            .item("status", text("INPROGRESS"))
            .item("owner", text(&lease.owner))
            .item("operation_id", text(claim.operation_id.to_string()))
            .item("payload_hash", text(claim.payload_hash))
            .item("in_progress_until", number((claim.now + LEASE).timestamp_millis()))
            .item("expires_at", seconds(claim.now + LIFETIME))
            .condition_expression("attribute_not_exists(pk) OR expires_at <= :now")
            .expression_attribute_values(":now", seconds(claim.now))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let old = match put.send().await.map_err(SdkError::into_service_error) {
            Ok(_) => {
                let operation_id = claim.operation_id;
                return Ok(Begun::Execute { lease, operation_id, again: false });
            }
            Err(PutItemError::ConditionalCheckFailedException(failed)) => failed.item.unwrap_or_default(),
            Err(error) => return Err(TableError::new("PutItem")(error)),
        };
        self.meet(&old, claim, lease).await
    }

    async fn complete(&self, lease: &Lease, receipt: &str) -> Result<bool, TableError> {
        let update = self
            .update(&lease.key, &lease.owner)
            .update_expression("SET #status = :completed, receipt = :receipt REMOVE in_progress_until")
            .expression_attribute_values(":completed", text("COMPLETED"))
            .expression_attribute_values(":receipt", text(receipt));
        applied(update).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), TableError> {
        let update = self
            .update(&lease.key, &lease.owner)
            .update_expression("SET in_progress_until = :ended")
            .expression_attribute_values(":ended", number(0));
        applied(update).await.map(|_| ())
    }

    async fn forget(&self, lease: &Lease) -> Result<(), TableError> {
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
    /// What the record `old`, which stands in the way, comes to.
    async fn meet(&self, old: &Item, claim: Claim<'_>, lease: Lease) -> Result<Begun, TableError> {
        let unreadable = || TableError::unreadable("PutItem", "the idempotency record");
        let operation_id =
            text_of(old, "operation_id").and_then(|id| id.parse().ok()).ok_or_else(unreadable)?;
        let owner = text_of(old, "owner").ok_or_else(unreadable)?;
        if owner == lease.owner {
            // Our own: it was written, and the SDK asked again because word of it was lost.
            return Ok(Begun::Execute { lease, operation_id, again: false });
        }
        if text_of(old, "payload_hash").ok_or_else(unreadable)? != claim.payload_hash {
            return Ok(Begun::Mismatch);
        }
        if let Some(receipt) = text_of(old, "receipt") {
            return Ok(Begun::Completed(receipt.to_owned()));
        }
        let until = number_of(old, "in_progress_until").ok_or_else(unreadable)?;
        if until > claim.now.timestamp_millis() {
            return Ok(Begun::InFlight);
        }
        let take_over = self
            .update(&lease.key, owner)
            .condition_expression("#owner IN (:owner, :me) AND #status = :in_progress")
            .update_expression("SET #owner = :me, in_progress_until = :until")
            .expression_attribute_values(":me", text(&lease.owner))
            .expression_attribute_values(":until", number((claim.now + LEASE).timestamp_millis()));
        // Where it is not the owner's any more, somebody else has just taken over.
        if !applied(take_over).await? {
            return Ok(Begun::InFlight);
        }
        Ok(Begun::Execute { lease, operation_id, again: true })
    }

    /// A change to a record in progress, provided that it is `owner`'s.
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

/// Whether the condition of `update` held.
async fn applied(update: UpdateItemFluentBuilder) -> Result<bool, TableError> {
    match update.send().await.map_err(SdkError::into_service_error) {
        Ok(_) => Ok(true),
        Err(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
        Err(error) => Err(TableError::new("UpdateItem")(error)),
    }
}
