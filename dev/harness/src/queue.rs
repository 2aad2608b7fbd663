//! Direct access to the message queue: receive, return and delete its messages, and build the
//! events by which Lambda passes them to the worker.

use std::time::Duration;

use anyhow::{Context as _, Result};
use lambda::event_source_mapping::{self, event};
use serde_json::{Value, json};
use stack::services;
use uuid::Uuid;

use super::{SentMessage, TestEnvironment, wait_until};

impl TestEnvironment {
    pub async fn set_visibility_timeout(&self, seconds: u32) -> Result<()> {
        let attributes = json!({ "Attributes": { "VisibilityTimeout": seconds.to_string() } });
        self.sqs("SetQueueAttributes", attributes).await.map(drop)
    }

    pub async fn receive(&self, max: usize) -> Result<Vec<Value>> {
        let options = json!({ "MaxNumberOfMessages": max, "AttributeNames": ["All"] });
        let received = self.sqs("ReceiveMessage", options).await?;
        Ok(received["Messages"].as_array().cloned().unwrap_or_default())
    }

    /// Receives the queue message of `sent`; other messages that come first are returned to the
    /// queue.
    pub async fn receive_message(&self, sent: &SentMessage) -> Result<Value> {
        let id = sent.id.to_string();
        let mut found = None;
        let receive = async || {
            for item in self.receive(1).await? {
                if item["Body"].as_str().is_some_and(|body| body.contains(&id)) {
                    found = Some(item);
                } else {
                    self.make_visible(&[item]).await?;
                }
            }
            Ok(found.is_some())
        };
        wait_until("the message is on the queue", Duration::from_secs(10), receive).await?;
        found.context("the message is not on the queue")
    }

    pub async fn make_visible(&self, items: &[Value]) -> Result<()> {
        self.hide(items, 0).await
    }

    /// Keeps received messages invisible for `seconds` from now. A worker may have deleted some of them
    /// before it was killed.
    pub async fn hide(&self, items: &[Value], seconds: u32) -> Result<()> {
        for item in items {
            let change = json!({ "ReceiptHandle": item["ReceiptHandle"], "VisibilityTimeout": seconds });
            match self.sqs("ChangeMessageVisibility", change).await {
                Err(error) if format!("{error:#}").contains("ReceiptHandleIsInvalid") => {}
                changed => drop(changed?),
            }
        }
        Ok(())
    }

    pub async fn delete(&self, item: &Value) -> Result<()> {
        self.sqs("DeleteMessage", json!({ "ReceiptHandle": item["ReceiptHandle"] })).await.map(drop)
    }

    async fn sqs(&self, action: &str, mut body: Value) -> Result<Value> {
        body["QueueUrl"] = self.var("MESSAGE_QUEUE_URL")?.into();
        self.aws.sqs(action, &body).await
    }

    /// The worker's event for these received messages.
    pub fn delivery(&self, items: &[Value]) -> Result<Value> {
        let (queue_url, region) = (self.var("MESSAGE_QUEUE_URL")?, self.var("AWS_REGION")?);
        let records: Vec<Value> = items.iter().map(|item| event::record(item, queue_url, region)).collect();
        Ok(json!({ "Records": records }))
    }

    /// The worker's event for these messages, each in a chatroom of its own, without use of the
    /// queue.
    pub fn delivery_of(&self, messages: &[Uuid]) -> Result<Value> {
        let item = |id: &Uuid| {
            let body = json!({ "version": 1, "type": "answer_message", "message_id": id });
            let attributes = json!({ "ApproximateReceiveCount": "1", "MessageGroupId": id });
            json!({
                "MessageId": Uuid::new_v4(), "ReceiptHandle": "none", "Body": body.to_string(),
                "Attributes": attributes,
            })
        };
        self.delivery(&messages.iter().map(item).collect::<Vec<_>>())
    }

    /// Starts the event source mapping, which passes messages from the queue to workers.
    pub async fn start_worker(&self) -> Result<()> {
        let service = services::event_source_mapping::launch(&self.home).await?;
        self.state()?.add(&self.home, service)
    }

    pub async fn start_worker_with_batch_size(&self, batch_size: usize) -> Result<()> {
        let mut state = self.state()?;
        state.env.insert(event_source_mapping::BATCH_SIZE.to_owned(), batch_size.to_string());
        state.save(&self.home)?;
        self.start_worker().await
    }
}
