//! The queue of messages to be answered: SQS FIFO, one message group a room.

use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::QueueAttributeName;
use domain::job::{Envelope, Job};
use domain::{ChatroomId, MessageId};
use thiserror::Error;

/// SQS did not do what was asked.
#[derive(Debug, Error)]
#[error("sqs {action}: {cause}")]
pub struct QueueError {
    action: &'static str,
    cause: String,
}

impl QueueError {
    /// An error in doing `action`, because of `cause`.
    pub fn new(action: &'static str, cause: impl std::fmt::Display) -> Self {
        Self { action, cause: cause.to_string() }
    }
}

/// The longest visibility time-out that SQS takes.
const LONGEST_DELAY: Duration = Duration::from_hours(12);

/// The queue, as those who send to it and receive from it see it.
#[async_trait]
pub trait JobQueue: Send + Sync {
    /// Asks for `message` to be answered after those of `room` that were sent before. Only the id travels. Sending
    /// the same message with the same number of `resend` (0 at first) again within five minutes does nothing.
    async fn send_message(&self, room: ChatroomId, message: MessageId, resend: i32)
    -> Result<(), QueueError>;

    /// Keeps a received item from coming back before `delay` (whole seconds, rounded up, at most 12 hours) is over.
    async fn delay(&self, receipt_handle: &str, delay: Duration) -> Result<(), QueueError>;

    /// Sees whether the queue is there.
    async fn ping(&self) -> Result<(), QueueError>;
}

/// A job that was delivered too often without success.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// SQS's id of it.
    pub id: String,
    /// What it says.
    pub body: String,
    /// What it is deleted by.
    pub receipt_handle: String,
}

/// Where jobs end up that were delivered too often.
#[async_trait]
pub trait DeadLetterQueue: Send + Sync {
    /// Takes up to ten of them; they come back unless they are deleted.
    async fn receive(&self) -> Result<Vec<DeadLetter>, QueueError>;

    /// Forgets one.
    async fn delete(&self, receipt_handle: &str) -> Result<(), QueueError>;
}

/// A queue at SQS.
#[derive(Debug, Clone)]
pub struct SqsQueue {
    client: aws_sdk_sqs::Client,
    url: String,
}

impl SqsQueue {
    /// The queue at the address `url`.
    #[must_use]
    pub fn new(config: &SdkConfig, url: &str) -> Self {
        Self { client: aws_sdk_sqs::Client::new(config), url: url.to_owned() }
    }
}

#[async_trait]
impl JobQueue for SqsQueue {
    async fn send_message(
        &self,
        room: ChatroomId,
        message: MessageId,
        resend: i32,
    ) -> Result<(), QueueError> {
        const ACTION: &str = "SendMessage";
        let envelope = Envelope::from(Job::AnswerMessage { message_id: message });
        let body = serde_json::to_string(&envelope).map_err(|error| QueueError::new(ACTION, error))?;
        self.client
            .send_message()
            .queue_url(&self.url)
            .message_body(body)
            .message_group_id(room.to_string())
            .message_deduplication_id(format!("{message}:{resend}"))
            .send()
            .await
            .map_err(|error| QueueError::new(ACTION, DisplayErrorContext(error)))?;
        Ok(())
    }

    async fn delay(&self, receipt_handle: &str, delay: Duration) -> Result<(), QueueError> {
        const ACTION: &str = "ChangeMessageVisibility";
        self.client
            .change_message_visibility()
            .queue_url(&self.url)
            .receipt_handle(receipt_handle)
            .visibility_timeout(whole_seconds(delay))
            .send()
            .await
            .map_err(|error| QueueError::new(ACTION, DisplayErrorContext(error)))?;
        Ok(())
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

/// `delay` in the unit of SQS. Rounded up: an item that comes back early finds its message not ready yet.
fn whole_seconds(delay: Duration) -> i32 {
    let capped = delay.min(LONGEST_DELAY);
    let seconds = capped.as_secs() + u64::from(capped.subsec_nanos() > 0);
    i32::try_from(seconds.min(LONGEST_DELAY.as_secs())).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_are_rounded_up_and_bounded() {
        assert_eq!(whole_seconds(Duration::ZERO), 0);
        assert_eq!(whole_seconds(Duration::from_millis(2_001)), 3);
        assert_eq!(whole_seconds(Duration::from_hours(100)), 43_200);
    }
}
