//! The queue of messages to answer: SQS FIFO, one message group for each chatroom.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, MessageAttributeValue, QueueAttributeName,
};
use domain::job::{Envelope, Job};
use domain::{ChatroomId, GenerationId, RequestOrigin};
use thiserror::Error;

/// A call to SQS failed.
#[derive(Debug, Error)]
#[error("sqs {action}: {cause}")]
pub struct QueueError {
    action: &'static str,
    cause: String,
}

impl QueueError {
    /// An error of the SQS action `action`, with this cause.
    pub fn new(action: &'static str, cause: impl std::fmt::Display) -> Self {
        Self { action, cause: cause.to_string() }
    }
}

/// The message attribute with the W3C trace context of the request that asked for the answer.
pub const TRACEPARENT: &str = "traceparent";
/// The message attribute with the id of that request in the logs.
pub const REQUEST_ID: &str = "request_id";

/// The longest visibility timeout that SQS accepts.
const MAX_VISIBILITY_TIMEOUT: Duration = Duration::from_hours(12);

/// The queue, for its senders and its consumers.
#[async_trait]
pub trait JobQueue: Send + Sync {
    /// Enqueues the job for `generation` behind the earlier ones of its chatroom. The queue carries
    /// only the id, and the ids of `origin` as message attributes. SQS ignores a duplicate with the same
    /// `resend` number (0 at first) within five minutes.
    async fn send_job(
        &self,
        chatroom: ChatroomId,
        generation: GenerationId,
        resend: i32,
        origin: Option<&RequestOrigin>,
    ) -> Result<(), QueueError>;

    /// Sets how long a received message stays invisible from now on, in whole seconds, rounded up,
    /// at most 12 hours. SQS then delivers it again.
    async fn change_visibility(&self, receipt_handle: &str, timeout: Duration) -> Result<(), QueueError>;

    /// As [`change_visibility`](Self::change_visibility), for up to ten messages in one request.
    async fn change_visibility_of(
        &self,
        receipt_handles: &[String],
        timeout: Duration,
    ) -> Result<(), QueueError>;

    /// Deletes a received message, so that SQS delivers the next message of its chatroom. Succeeds
    /// if it is deleted already.
    async fn delete_job(&self, receipt_handle: &str) -> Result<(), QueueError>;

    /// Checks that the queue exists.
    async fn ping(&self) -> Result<(), QueueError>;
}

/// A message that SQS delivered too often without success.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// The message id that SQS gave it.
    pub id: String,
    /// The message body.
    pub body: String,
    /// The handle to delete it with.
    pub receipt_handle: String,
}

/// The queue of messages that were delivered too often.
#[async_trait]
pub trait DeadLetterQueue: Send + Sync {
    /// Receives up to ten messages; SQS delivers them again unless they are deleted.
    async fn receive(&self) -> Result<Vec<DeadLetter>, QueueError>;

    /// Deletes a received message.
    async fn delete(&self, receipt_handle: &str) -> Result<(), QueueError>;
}

/// An SQS queue.
#[derive(Debug, Clone)]
pub struct SqsQueue {
    client: aws_sdk_sqs::Client,
    url: String,
}

impl SqsQueue {
    /// The queue with this URL.
    #[must_use]
    pub fn new(config: &SdkConfig, url: &str) -> Self {
        Self { client: aws_sdk_sqs::Client::new(config), url: url.to_owned() }
    }
}

#[async_trait]
impl JobQueue for SqsQueue {
    async fn send_job(
        &self,
        chatroom: ChatroomId,
        generation: GenerationId,
        resend: i32,
        origin: Option<&RequestOrigin>,
    ) -> Result<(), QueueError> {
        const ACTION: &str = "SendMessage";
        let envelope = Envelope::from(Job::GenerateAnswer { generation_id: generation });
        let body = serde_json::to_string(&envelope).map_err(|error| QueueError::new(ACTION, error))?;
        self.client
            .send_message()
            .queue_url(&self.url)
            .message_body(body)
            .message_group_id(chatroom.to_string())
            .message_deduplication_id(format!("{generation}:{resend}"))
            .set_message_attributes(origin.map(attributes).transpose()?)
            .send()
            .await
            .map_err(|error| QueueError::new(ACTION, DisplayErrorContext(error)))?;
        Ok(())
    }

    async fn change_visibility(&self, receipt_handle: &str, timeout: Duration) -> Result<(), QueueError> {
        const ACTION: &str = "ChangeMessageVisibility";
        self.client
            .change_message_visibility()
            .queue_url(&self.url)
            .receipt_handle(receipt_handle)
            .visibility_timeout(whole_seconds(timeout))
            .send()
            .await
            .map_err(|error| QueueError::new(ACTION, DisplayErrorContext(error)))?;
        Ok(())
    }

    async fn change_visibility_of(
        &self,
        receipt_handles: &[String],
        timeout: Duration,
    ) -> Result<(), QueueError> {
        const ACTION: &str = "ChangeMessageVisibilityBatch";
        let mut entries = Vec::with_capacity(receipt_handles.len());
        for (index, receipt_handle) in receipt_handles.iter().enumerate() {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(index.to_string())
                .receipt_handle(receipt_handle)
                .visibility_timeout(whole_seconds(timeout))
                .build()
                .map_err(|error| QueueError::new(ACTION, error))?;
            entries.push(entry);
        }
        let request = self.client.change_message_visibility_batch().queue_url(&self.url);
        let response = request.set_entries(Some(entries)).send().await;
        let response = response.map_err(|error| QueueError::new(ACTION, DisplayErrorContext(error)))?;
        match response.failed.first() {
            Some(failure) => Err(QueueError::new(ACTION, &failure.code)),
            None => Ok(()),
        }
    }

    async fn delete_job(&self, receipt_handle: &str) -> Result<(), QueueError> {
        self.delete(receipt_handle).await
    }

    async fn ping(&self) -> Result<(), QueueError> {
        self.client
            .get_queue_attributes()
            .queue_url(&self.url)
            .attribute_names(QueueAttributeName::QueueArn)
            .send()
            .await
            .map_err(|error| QueueError::new("GetQueueAttributes", DisplayErrorContext(error)))?;
        Ok(())
    }
}

#[async_trait]
impl DeadLetterQueue for SqsQueue {
    async fn receive(&self) -> Result<Vec<DeadLetter>, QueueError> {
        let request = self.client.receive_message().queue_url(&self.url).max_number_of_messages(10);
        let received = request
            .send()
            .await
            .map_err(|error| QueueError::new("ReceiveMessage", DisplayErrorContext(error)))?;
        let letters = received.messages.unwrap_or_default().into_iter().map(|message| DeadLetter {
            id: message.message_id.unwrap_or_default(),
            body: message.body.unwrap_or_default(),
            receipt_handle: message.receipt_handle.unwrap_or_default(),
        });
        Ok(letters.collect())
    }

    async fn delete(&self, receipt_handle: &str) -> Result<(), QueueError> {
        let request = self.client.delete_message().queue_url(&self.url).receipt_handle(receipt_handle);
        request.send().await.map_err(|error| QueueError::new("DeleteMessage", DisplayErrorContext(error)))?;
        Ok(())
    }
}

/// The ids of `origin` as attributes, which a worker of the previous release ignores.
fn attributes(origin: &RequestOrigin) -> Result<HashMap<String, MessageAttributeValue>, QueueError> {
    let trace = Some((TRACEPARENT, origin.trace.to_string()));
    let request_id = origin.request_id.clone().map(|id| (REQUEST_ID, id));
    let attributes = trace.into_iter().chain(request_id).map(|(name, value)| {
        let value = MessageAttributeValue::builder().data_type("String").string_value(value).build();
        Ok((name.to_owned(), value.map_err(|error| QueueError::new("SendMessage", error))?))
    });
    attributes.collect()
}

/// `timeout` in the unit of SQS. Rounded up, because a delivery before its time finds its message
/// not due yet.
fn whole_seconds(timeout: Duration) -> i32 {
    let capped = timeout.min(MAX_VISIBILITY_TIMEOUT);
    let seconds = capped.as_secs() + u64::from(capped.subsec_nanos() > 0);
    i32::try_from(seconds.min(MAX_VISIBILITY_TIMEOUT.as_secs())).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_the_request_are_attributes_of_the_message() {
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0c1902b7-01";
        let text = |origin: &RequestOrigin, name: &str| {
            let attributes = attributes(origin).unwrap();
            attributes.get(name).and_then(|value| value.string_value()).map(str::to_owned)
        };
        let origin = RequestOrigin::parse(Some(trace), Some("r-1")).unwrap();
        assert_eq!(text(&origin, TRACEPARENT).as_deref(), Some(trace));
        assert_eq!(text(&origin, REQUEST_ID).as_deref(), Some("r-1"));
        let origin = RequestOrigin { request_id: None, ..origin };
        assert_eq!(text(&origin, REQUEST_ID), None);
    }

    #[test]
    fn visibility_timeouts_are_rounded_up_and_bounded() {
        assert_eq!(whole_seconds(Duration::ZERO), 0);
        assert_eq!(whole_seconds(Duration::from_millis(2_001)), 3);
        assert_eq!(whole_seconds(Duration::from_hours(100)), 43_200);
    }
}
