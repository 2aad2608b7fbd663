//! One poller: receive, invoke, delete.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::sleep;

use super::{event, outcome};
use crate::services::Aws;
use crate::template::EventSource;
use crate::web;

/// A poll waits so long for a message, in seconds. Short, since it is also how long stopping may take: a poll that is
/// cut off could take messages with it until their visibility timeout is over.
const WAIT: u32 = 1;

/// What is waited after something went wrong.
const PAUSE: Duration = Duration::from_secs(1);

/// A queue and the function that it drives.
#[derive(Debug, Clone)]
pub(super) struct Source {
    aws: Aws,
    queue_url: String,
    invoke_url: String,
    events: EventSource,
}

impl Source {
    pub(super) fn new(aws: Aws, queue_url: &str, invoke_url: String, events: EventSource) -> Self {
        Self { aws, queue_url: queue_url.to_owned(), invoke_url, events }
    }

    /// Works until `stopped`.
    pub(super) async fn poll(self, stopped: watch::Receiver<bool>) {
        while !*stopped.borrow() {
            if let Err(error) = self.take_batch().await {
                println!("{error:#}");
                sleep(PAUSE).await;
            }
        }
    }

    async fn take_batch(&self) -> Result<()> {
        let receive = json!({
            "QueueUrl": self.queue_url,
            "MaxNumberOfMessages": self.events.batch_size.min(10),
            "WaitTimeSeconds": WAIT,
            "AttributeNames": ["All"],
            "MessageAttributeNames": ["All"],
        });
        let mut received = self.aws.sqs("ReceiveMessage", &receive).await?;
        let Value::Array(messages) = received["Messages"].take() else { return Ok(()) };
        if messages.is_empty() {
            return Ok(());
        }
        let begun = Instant::now();
        let ids: Vec<&str> = messages.iter().filter_map(|message| message["MessageId"].as_str()).collect();
        let failed = match self.invoke(&messages).await {
            Ok(answer) => outcome::failed(&answer, &ids),
            Err(error) => Err(format!("{error:#}")),
        };
        let done: Vec<&Value> = match &failed {
            Ok(failed) => messages
                .iter()
                .filter(|m| !m["MessageId"].as_str().is_some_and(|id| failed.contains(id)))
                .collect(),
            Err(_) => Vec::new(),
        };
        let why = failed.err().map(|why| format!(": {why}")).unwrap_or_default();
        println!("{} of {} done in {} ms{why}", done.len(), messages.len(), begun.elapsed().as_millis());
        self.delete(&done).await
    }

    /// Invokes the function with the messages and answers its answer.
    async fn invoke(&self, messages: &[Value]) -> Result<String> {
        let records: Vec<Value> = messages
            .iter()
            .map(|message| event::record(message, &self.queue_url, self.aws.region()))
            .collect();
        let request = web::client()
            .post(&self.invoke_url)
            .timeout(self.events.timeout)
            .header("content-type", "application/json")
            .body(json!({ "Records": records }).to_string());
        let answer = request.send().await.with_context(|| format!("invoking {}", self.invoke_url))?;
        let status = answer.status();
        let text = answer.text().await.context("reading the function's answer")?;
        if !status.is_success() {
            bail!("the function failed ({status}): {}", text.trim());
        }
        Ok(text)
    }

    async fn delete(&self, messages: &[&Value]) -> Result<()> {
        if messages.is_empty() {
            return Ok(());
        }
        let entries: Vec<Value> = messages
            .iter()
            .enumerate()
            .map(|(number, message)| json!({"Id": number.to_string(), "ReceiptHandle": message["ReceiptHandle"]}))
            .collect();
        let answer = self
            .aws
            .sqs("DeleteMessageBatch", &json!({"QueueUrl": self.queue_url, "Entries": entries}))
            .await?;
        match answer["Failed"].as_array() {
            Some(failed) if !failed.is_empty() => bail!("SQS would not delete: {}", answer["Failed"]),
            _ => Ok(()),
        }
    }
}
