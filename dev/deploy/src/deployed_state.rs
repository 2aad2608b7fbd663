//! What is deployed: the versions that serve, their variables, the logs, and why a deployment failed.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use lambda::deployed::ALIAS;
use serde_json::{Value, json};
use stack::functions::MIGRATE;
use stack::services::aws::{element, elements};

use crate::rehearsal::{Rehearsal, STACK};

/// What serves requests and messages: the state of every function but the migrate function, which a
/// refused deployment changes and restores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Serving(BTreeMap<String, ServingFunction>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct ServingFunction {
    /// The version to which the alias leads.
    version: String,
    /// The number of versions, with the unpublished one.
    versions: usize,
    /// The digest of the unpublished code, and its variables.
    code: Value,
    variables: Value,
}

impl Serving {
    /// The functions that differ between this and `other`.
    pub(crate) fn changed(&self, other: &Self) -> Vec<&str> {
        let differs = |name: &&String| self.0.get(*name) != other.0.get(*name);
        self.0.keys().filter(differs).map(String::as_str).collect()
    }

    /// The version of each function to which the alias leads.
    pub(crate) fn versions(&self) -> BTreeMap<&str, &str> {
        self.0.iter().map(|(name, function)| (name.as_str(), function.version.as_str())).collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }
}

impl Rehearsal {
    pub(crate) async fn serving(&self) -> Result<Serving> {
        let mut serving = BTreeMap::new();
        for function in self.functions.template.binaries().into_iter().filter(|name| name != MIGRATE) {
            let name = self.functions.name(&function).await?;
            let read = async |path: &str| {
                let path = format!("functions/{name}/{path}");
                self.aws.lambda(&path).await?.with_context(|| format!("there is no {path}"))
            };
            let (alias, versions) = (read(&format!("aliases/{ALIAS}")).await?, read("versions").await?);
            let latest = read("configuration").await?;
            let state = ServingFunction {
                version: alias["FunctionVersion"].as_str().unwrap_or_default().to_owned(),
                versions: versions["Versions"].as_array().map_or(0, Vec::len),
                code: latest["CodeSha256"].clone(),
                variables: latest["Environment"]["Variables"].clone(),
            };
            serving.insert(function, state);
        }
        Ok(Serving(serving))
    }

    /// A variable of the version of `function` that serves.
    pub(crate) async fn variable(&self, function: &str, variable: &str) -> Result<String> {
        let name = self.functions.name(function).await?;
        let path = format!("functions/{name}/configuration?Qualifier={ALIAS}");
        let configuration = self.aws.lambda(&path).await?.with_context(|| format!("there is no {path}"))?;
        Ok(configuration["Environment"]["Variables"][variable].as_str().unwrap_or_default().to_owned())
    }

    /// The status of the stack, or `None` if there is none.
    pub(crate) async fn stack_status(&self, stack: &str) -> Option<String> {
        let described = self.aws.cloudformation("DescribeStacks", &[("StackName", stack)]).await.ok()?;
        element(&described, "StackStatus").filter(|status| status != "DELETE_COMPLETE")
    }

    /// Why the last deployment failed: the resources that failed, with CloudFormation's reasons.
    pub(crate) async fn failures(&self) -> Result<Vec<String>> {
        let events = self.aws.cloudformation("DescribeStackEvents", &[("StackName", STACK)]).await?;
        let mut failures = Vec::new();
        for event in elements(&events, "member") {
            let get = |name| element(event, name).unwrap_or_default();
            let (resource, status) = (get("LogicalResourceId"), get("ResourceStatus"));
            // The newest event is the first one.
            if resource == STACK && ["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"].contains(&&*status) {
                break;
            }
            if status.ends_with("_FAILED") {
                failures.push(format!("{resource}: {}", get("ResourceStatusReason")));
            }
        }
        Ok(failures)
    }

    /// The lines in the log of `function` that contain every one of `words` and are JSON.
    pub(crate) async fn log_lines(&self, function: &str, words: &[&str]) -> Result<Vec<Value>> {
        let lines = self.raw_log_lines(function, words).await?;
        Ok(lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    /// The lines in the log of `function` that contain every one of `words`, also those of a panic.
    pub(crate) async fn raw_log_lines(&self, function: &str, words: &[&str]) -> Result<Vec<String>> {
        let group = format!("/aws/lambda/{STACK}-{function}");
        let (mut lines, mut next) = (Vec::new(), None);
        loop {
            let body = json!({ "logGroupName": group, "nextToken": next });
            let page = self.aws.logs("FilterLogEvents", &body).await?;
            let events = page["events"].as_array().into_iter().flatten();
            let texts = events.filter_map(|event| event["message"].as_str()).flat_map(str::lines);
            let found = texts.filter(|line| words.iter().all(|word| line.contains(word)));
            lines.extend(found.map(str::to_owned));
            match page["nextToken"].as_str() {
                Some(token) if next.as_deref() != Some(token) => next = Some(token.to_owned()),
                _ => return Ok(lines),
            }
        }
    }
}
