//! The resources of `template.yaml` that the functions need, created by the emulator's CloudFormation.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tokio::time::sleep;

use super::client::{Aws, element};
use crate::progress;
use crate::template::Template;

/// The stack's name, which the queues' names begin with.
const STACK: &str = "local";

/// Creating or changing may take so long.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the resources are called, as the functions want to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// `MESSAGE_QUEUE_URL`.
    pub message_queue_url: String,
    /// `MESSAGE_DEAD_LETTER_QUEUE_URL`.
    pub message_dead_letter_queue_url: String,
    /// `TABLE_NAME`.
    pub table_name: String,
}

impl progress::Shown for Names {
    fn shown(&self) -> String {
        format!("2 queues and the table {} from template.yaml", self.table_name)
    }
}

/// Creates the resources, or brings those of an earlier start up to date.
///
/// # Errors
/// When CloudFormation refuses.
pub async fn create(aws: &Aws, template: &Template) -> Result<Names> {
    progress::step("queues", async {
        let body = template.storage()?.to_string();
        if let Err(error) = bring_up_to_date(aws, &body).await {
            progress::note(format!(
                "the queues of before cannot be changed as template.yaml says ({error:#}): made anew"
            ));
            delete(aws).await?;
            bring_up_to_date(aws, &body)
                .await
                .context("creating the queues and the table of template.yaml")?;
        }
        Ok(Names {
            message_queue_url: aws.queue_url(&physical(aws, "MessageQueue").await?),
            message_dead_letter_queue_url: aws.queue_url(&physical(aws, "MessageDeadLetterQueue").await?),
            table_name: physical(aws, "Table").await?,
        })
    })
    .await
}

async fn bring_up_to_date(aws: &Aws, body: &str) -> Result<()> {
    let parameters = [("StackName", STACK), ("TemplateBody", body)];
    if status(aws).await.is_none() {
        aws.cloudformation("CreateStack", &parameters).await?;
    } else if let Err(error) = aws.cloudformation("UpdateStack", &parameters).await
        && !error.to_string().contains("No updates are to be performed")
    {
        return Err(error);
    }
    match settled(aws).await?.as_deref() {
        Some("CREATE_COMPLETE" | "UPDATE_COMPLETE") => Ok(()),
        other => bail!("the stack ended as {}", other.unwrap_or("nothing")),
    }
}

async fn delete(aws: &Aws) -> Result<()> {
    aws.cloudformation("DeleteStack", &[("StackName", STACK)]).await?;
    settled(aws).await.map(|_| ())
}

/// The stack's status once nothing is in progress any more.
async fn settled(aws: &Aws) -> Result<Option<String>> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let status = status(aws).await;
        if !status.as_deref().is_some_and(|status| status.ends_with("_IN_PROGRESS")) {
            return Ok(status);
        }
        if Instant::now() > deadline {
            bail!("CloudFormation is still at it after {} s", PATIENCE.as_secs());
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
        .with_context(|| format!("the emulator does not say what {logical} is called"))
}
