//! One poller: receive, invoke, and delete while the next batch is received.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use stack::services::Aws;
use stack::template::EventSource;
use stack::web;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{event, outcome};

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

    /// Works until `stopped`, and then until what was done is deleted.
    pub(super) async fn poll(self, stopped: watch::Receiver<bool>) {
        let mut deleting = JoinSet::new();
        while !*stopped.borrow() {
            while deleting.try_join_next().is_some() {}
            match self.take_batch().await {
                Ok(done) if done.is_empty() => {}
                Ok(done) => drop(deleting.spawn(self.clone().delete_or_tell(done))),
                Err(error) => {
                    println!("{error:#}");
                    sleep(PAUSE).await;
                }
            }
        }
        while deleting.join_next().await.is_some() {}
    }

    /// Has the function do a batch, if one comes, and answers what of it was done, by its receipts.
    async fn take_batch(&self) -> Result<Vec<Value>> {
        let receive = json!({
            "QueueUrl": self.queue_url,
            "MaxNumberOfMessages": self.events.batch_size.min(10),
            "WaitTimeSeconds": WAIT,
            "AttributeNames": ["All"],
            "MessageAttributeNames": ["All"],
        });
        let mut received = self.aws.sqs("ReceiveMessage", &receive).await?;
        let Value::Array(messages) = received["Messages"].take() else { return Ok(Vec::new()) };
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        let begun = Instant::now();
        let ids: Vec<&str> = messages.iter().filter_map(|message| message["MessageId"].as_str()).collect();
        let failed = match self.invoke(&messages).await {
            Ok(answer) => outcome::failed(&answer, &ids),
            Err(error) => Err(format!("{error:#}")),
        };
        let done: Vec<Value> = match &failed {
            Ok(failed) => messages
                .iter()
                .filter(|m| !m["MessageId"].as_str().is_some_and(|id| failed.contains(id)))
                .map(|m| m["ReceiptHandle"].clone())
                .collect(),
            Err(_) => Vec::new(),
        };
        let why = failed.err().map(|why| format!(": {why}")).unwrap_or_default();
        println!("{} of {} done in {} ms{why}", done.len(), messages.len(), begun.elapsed().as_millis());
        Ok(done)
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

    async fn delete_or_tell(self, receipts: Vec<Value>) {
        if let Err(error) = self.delete(&receipts).await {
            println!("{error:#}");
        }
    }

    async fn delete(&self, receipts: &[Value]) -> Result<()> {
        let entries: Vec<Value> = receipts
            .iter()
            .enumerate()
            .map(|(number, receipt)| json!({"Id": number.to_string(), "ReceiptHandle": receipt}))
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
