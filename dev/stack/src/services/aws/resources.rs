//! The queues and the table of `template.yaml`, created by the emulator's CloudFormation.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tokio::time::sleep;

use super::client::{Aws, element};
use crate::progress;
use crate::settings::Settings;
use crate::template::Template;

/// The name of the CloudFormation stack; the queues' names begin with it.
const STACK: &str = "local";

/// How long a change of the stack may take.
const MAX_WAIT: Duration = Duration::from_mins(1);

/// The functions' variables that name a resource, and the resource's name in `template.yaml`.
const VARIABLES: [(&str, &str); 3] = [
    ("MESSAGE_QUEUE_URL", "MessageQueue"),
    ("MESSAGE_DEAD_LETTER_QUEUE_URL", "MessageDeadLetterQueue"),
    ("TABLE_NAME", "Table"),
];

/// Creates the resources, or updates those of an earlier start, and sets the variables that name
/// them unless they are set.
pub(crate) async fn create(settings: &mut Settings, template: &Template) -> Result<()> {
    let aws = Aws::from_settings(settings)?;
    progress::step("queues", async {
        let body = template.storage()?.to_string();
        if let Err(error) = create_or_update(&aws, &body).await {
            progress::info(format!(
                "the queues of an earlier start cannot be updated to template.yaml ({error:#}): recreating them"
            ));
            delete(&aws).await?;
            create_or_update(&aws, &body)
                .await
                .context("creating the queues and the table of template.yaml")?;
        }
        for (variable, logical) in VARIABLES {
            let id = physical_id(&aws, logical).await?;
            let is_queue = variable.ends_with("_QUEUE_URL");
            settings.set_default(variable, if is_queue { aws.queue_url(&id) } else { id });
        }
        Ok("2 queues and the table from template.yaml")
    })
    .await?;
    Ok(())
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

async fn physical_id(aws: &Aws, logical: &str) -> Result<String> {
    let parameters = [("StackName", STACK), ("LogicalResourceId", logical)];
    let xml = aws.cloudformation("DescribeStackResource", &parameters).await?;
    element(&xml, "PhysicalResourceId")
        .with_context(|| format!("the emulator does not name the resource {logical}"))
}
