//! Reserved concurrency, by which one function cannot use up the account's executions. The emulator's
//! CloudFormation does not apply it, so this reads the template that it has executed.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use stack::services::aws::element;

use crate::rehearsal::{Rehearsal, STACK};

/// The functions whose executions parameters reserve.
const LIMITED: [&str; 4] = ["Auth", "Chatroom", "Stream", "Webhook"];

pub(super) async fn run(rehearsal: &Rehearsal) -> Result<String> {
    let parameters = [("StackName", STACK), ("TemplateStage", "Processed")];
    let answer = rehearsal.aws.cloudformation("GetTemplate", &parameters).await?;
    let body = element(&answer, "TemplateBody").context("the stack has no template")?;
    let template: Value = serde_json::from_str(&body).context("reading the template of the stack")?;
    let resources = template["Resources"].as_object().context("the template has no resources")?;
    let functions = resources.iter().filter(|(_, one)| one["Type"] == "AWS::Lambda::Function");
    let mut limited = 0;
    for (name, function) in functions {
        let reserved = &function["Properties"]["ReservedConcurrentExecutions"];
        let Some(group) = LIMITED.iter().find(|group| **name == format!("{group}Function")) else {
            ensure!(reserved.is_null(), "{name} has reserved executions: {reserved}");
            continue;
        };
        let (parameter, condition) = (format!("{group}Concurrency"), format!("Has{group}Concurrency"));
        let expected = json!({ "Fn::If": [condition, { "Ref": parameter }, { "Ref": "AWS::NoValue" }] });
        ensure!(*reserved == expected, "{name} reserves executions otherwise: {reserved}");
        ensure!(
            template["Conditions"][&condition]
                == json!({ "Fn::Not": [{ "Fn::Equals": [{ "Ref": parameter }, 0] }] }),
            "the condition is another one: {}",
            template["Conditions"][&condition]
        );
        limited += 1;
    }
    ensure!(limited == LIMITED.len(), "only {limited} functions have a parameter");
    Ok(format!("{limited} functions, each by its parameter; no other has any"))
}
