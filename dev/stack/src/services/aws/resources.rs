//! The queues and the table of `template.yaml`, created by the emulator's CloudFormation.

use std::fmt::{self, Display, Formatter};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tokio::time::sleep;

use super::client::{Aws, element};
use crate::progress;
use crate::template::Template;

/// The name of the CloudFormation stack; the queues' names begin with it.
const STACK: &str = "local";

/// How long a change of the stack may take.
const MAX_WAIT: Duration = Duration::from_mins(1);

/// The resources' names, as the functions' variables contain them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resources {
    /// `MESSAGE_QUEUE_URL`.
    pub message_queue_url: String,
    /// `MESSAGE_DEAD_LETTER_QUEUE_URL`.
    pub message_dead_letter_queue_url: String,
    /// `TABLE_NAME`.
    pub table_name: String,
}

impl Display for Resources {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "2 queues and the table {} from template.yaml", self.table_name)
    }
}

/// Creates the resources, or updates those of an earlier start.
pub async fn create(aws: &Aws, template: &Template) -> Result<Resources> {
    progress::step("queues", async {
        let body = template.storage()?.to_string();
        if let Err(error) = create_or_update(aws, &body).await {
            progress::info(format!(
                "the queues of an earlier start cannot be updated to template.yaml ({error:#}): recreating them"
            ));
            delete(aws).await?;
            create_or_update(aws, &body)
                .await
                .context("creating the queues and the table of template.yaml")?;
        }
        Ok(Resources {
            message_queue_url: aws.queue_url(&physical(aws, "MessageQueue").await?),
            message_dead_letter_queue_url: aws.queue_url(&physical(aws, "MessageDeadLetterQueue").await?),
            table_name: physical(aws, "Table").await?,
        })
    })
    .await
}

async fn create_or_update(aws: &Aws, body: &str) -> Result<()> {
    let parameters = [("StackName", STACK), ("TemplateBody", body)];
    if status(aws).await.is_none() {
        aws.cloudformation("CreateStack", &parameters).await?;
    } else if let Err(error) = aws.cloudformation("UpdateStack", &parameters).await
        && !error.to_string().contains("No updates are to be performed")
    {
        return Err(error);
    }
    match wait_until_stable(aws).await?.as_deref() {
        Some("CREATE_COMPLETE" | "UPDATE_COMPLETE") => Ok(()),
        other => bail!("the status of the CloudFormation stack is {}", other.unwrap_or("missing")),
    }
}

async fn delete(aws: &Aws) -> Result<()> {
    aws.cloudformation("DeleteStack", &[("StackName", STACK)]).await?;
    wait_until_stable(aws).await.map(|_| ())
}

/// Waits until no change is in progress and returns the stack's status.
async fn wait_until_stable(aws: &Aws) -> Result<Option<String>> {
    let deadline = Instant::now() + MAX_WAIT;
    loop {
        let status = status(aws).await;
        if !status.as_deref().is_some_and(|status| status.ends_with("_IN_PROGRESS")) {
            return Ok(status);
        }
        if Instant::now() > deadline {
            bail!("CloudFormation has not finished after {} s", MAX_WAIT.as_secs());
        }
        sleep(Duration::from_millis(50)).await;
    }
}

async fn status(aws: &Aws) -> Option<String> {
    let xml = aws.cloudformation("DescribeStacks", &[("StackName", STACK)]).await.ok()?;
    element(&xml, "StackStatus").filter(|status| status != "DELETE_COMPLETE")
}

async fn physical(aws: &Aws, logical: &str) -> Result<String> {
    let parameters = [("StackName", STACK), ("LogicalResourceId", logical)];
    let xml = aws.cloudformation("DescribeStackResource", &parameters).await?;
    element(&xml, "PhysicalResourceId")
        .with_context(|| format!("the emulator does not name the resource {logical}"))
}
