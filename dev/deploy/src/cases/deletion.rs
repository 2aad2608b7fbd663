//! The deletion of the whole stack.

use anyhow::{Result, ensure};
use harness::Request;
use serde_json::json;
use stack::services::aws::elements;

use crate::rehearsal::{Rehearsal, STACK};

pub(super) async fn run(rehearsal: &Rehearsal) -> Result<String> {
    let table = rehearsal.variable("chatroom", "TABLE_NAME").await?;
    let name = rehearsal.functions.name("chatroom").await?;
    rehearsal.delete().await?;
    let status = rehearsal.stack_status(STACK).await;
    ensure!(status.is_none(), "the stack's status is {status:?}");
    ensure!(
        rehearsal.aws.lambda(&format!("functions/{name}")).await?.is_none(),
        "the function {name} is left"
    );
    let tables = rehearsal.aws.dynamodb("ListTables", &json!({})).await?;
    ensure!(!tables.to_string().contains(&table), "the table {table} is left");
    let queues = rehearsal.aws.sqs("ListQueues", &json!({})).await?;
    ensure!(!queues.to_string().contains(STACK), "queues are left: {queues}");
    let status = Request::new("GET", "/health").send(rehearsal).await?.status;
    ensure!(status == 500, "the service still answers {status}");
    let roles = rehearsal.aws.iam("ListRoles").await?;
    let kept: Vec<&str> = elements(&roles, "RoleName").filter(|role| role.starts_with(STACK)).collect();
    ensure!(
        matches!(kept.as_slice(), [role] if role.contains("GatewayLogsRole")),
        "these roles are left: {}",
        kept.join(", ")
    );
    Ok(format!("functions, table and queues are gone; {} is kept", kept.join(", ")))
}
