//! A poller of the queue: receives a batch, invokes the function, and deletes the processed
//! messages while it receives the next batch.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use stack::services::Aws;
use stack::template::EventSource;
use stack::web;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{batch_response, event};

/// Long-poll time in seconds. It also delays the stop, since a poll that is cut off could hide
/// messages until their visibility timeout.
const LONG_POLL_SECONDS: u32 = 1;

const ERROR_DELAY: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
pub(super) struct Poller {
    aws: Aws,
    queue_url: String,
    invoke_url: String,
    events: EventSource,
}

impl Poller {
    pub(super) fn new(aws: Aws, queue_url: &str, invoke_url: String, events: EventSource) -> Self {
        Self { aws, queue_url: queue_url.to_owned(), invoke_url, events }
    }

    /// Polls until `stopped`, and then until all processed messages are deleted.
    pub(super) async fn run(self, stopped: watch::Receiver<bool>) {
        let mut deleting = JoinSet::new();
        while !*stopped.borrow() {
            while deleting.try_join_next().is_some() {}
            match self.process_batch().await {
                Ok(done) if done.is_empty() => {}
                Ok(done) => drop(deleting.spawn(self.clone().delete(done))),
                Err(error) => {
                    println!("{error:#}");
                    sleep(ERROR_DELAY).await;
                }
            }
        }
        while deleting.join_next().await.is_some() {}
    }

    /// Receives a batch, if there is one, and invokes the function. Returns the receipt handles of
    /// the processed messages.
    async fn process_batch(&self) -> Result<Vec<Value>> {
        let receive = json!({
            "QueueUrl": self.queue_url,
            "MaxNumberOfMessages": self.events.batch_size.min(10),
            "WaitTimeSeconds": LONG_POLL_SECONDS,
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
            Ok(response) => batch_response::failed(&response, &ids),
            Err(error) => Err(format!("{error:#}")),
        };
        let is_done = |message: &&Value| match (&failed, message["MessageId"].as_str()) {
            (Ok(failed), Some(id)) => !failed.contains(id),
            (outcome, _) => outcome.is_ok(),
        };
        let done: Vec<Value> =
            messages.iter().filter(is_done).map(|message| message["ReceiptHandle"].clone()).collect();
        let why = failed.err().map(|why| format!(": {why}")).unwrap_or_default();
        println!(
            "{} of {} messages processed in {} ms{why}",
            done.len(),
            messages.len(),
            begun.elapsed().as_millis()
        );
        Ok(done)
    }

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
        let response = request.send().await.with_context(|| format!("invoking {}", self.invoke_url))?;
        let status = response.status();
        let text = response.text().await.context("reading the function's response")?;
        if !status.is_success() {
            bail!("the function failed ({status}): {}", text.trim());
        }
        Ok(text)
    }

    async fn delete(self, receipts: Vec<Value>) {
        let entry = |(number, receipt)| json!({"Id": format!("{number}"), "ReceiptHandle": receipt});
        let entries: Vec<Value> = receipts.iter().enumerate().map(entry).collect();
        let request = json!({"QueueUrl": self.queue_url, "Entries": entries});
        match self.aws.sqs("DeleteMessageBatch", &request).await {
            Ok(response) if response["Failed"].as_array().is_none_or(Vec::is_empty) => {}
            Ok(response) => println!("SQS did not delete: {}", response["Failed"]),
            Err(error) => println!("{error:#}"),
        }
    }
}
