//! Reads `template.yaml`, so that the local stack cannot differ from the deployed one.

mod intrinsic;
mod packaged;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};

/// The template, with its tags (`!Ref x`) in their long form (`{"Ref": "x"}`).
#[derive(Debug, Clone)]
pub struct Template {
    document: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventSource {
    pub batch_size: usize,
    pub concurrency: usize,
    pub timeout: Duration,
}

impl Template {
    pub fn read(root: &Path) -> Result<Self> {
        let path = root.join("template.yaml");
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("reading {}", path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let mut yaml: serde_yaml_ng::Value = serde_yaml_ng::from_str(text)?;
        yaml.apply_merge()?;
        Ok(Self { document: intrinsic::to_json(yaml)? })
    }

    /// A template with the queues and tables alone, and all parameters and conditions. It needs no
    /// transform: deletion policies with conditions are left out.
    pub fn storage(&self) -> Result<Value> {
        let types = ["AWS::SQS::Queue", "AWS::DynamoDB::Table"];
        let resources: Map<String, Value> = self
            .resources()
            .filter(|(_, resource)| types.iter().any(|name| resource["Type"] == *name))
            .map(|(name, resource)| {
                let mut resource = resource.clone();
                resource.as_object_mut().into_iter().for_each(|members| {
                    members.retain(|name, value| !name.ends_with("Policy") || value.is_string());
                });
                (name.clone(), resource)
            })
            .collect();
        anyhow::ensure!(!resources.is_empty(), "template.yaml has neither queue nor table");
        let mut parameters = self.document.get("Parameters").cloned().unwrap_or_else(|| json!({}));
        for parameter in parameters.as_object_mut().into_iter().flat_map(Map::values_mut) {
            // Only a deployment needs the parameters without a default.
            if let Some(parameter) = parameter.as_object_mut().filter(|one| !one.contains_key("Default")) {
                parameter.insert("Default".to_owned(), json!("local"));
                parameter.remove("AllowedPattern");
                parameter.remove("AllowedValues");
            }
        }
        Ok(json!({
            "AWSTemplateFormatVersion": "2010-09-09",
            "Parameters": parameters,
            "Conditions": self.document.get("Conditions").cloned().unwrap_or_else(|| json!({})),
            "Resources": resources,
        }))
    }

    /// The name of the resource of the function whose binary is `binary`.
    pub fn logical_id(&self, binary: &str) -> Option<&str> {
        let functions = self.resources().filter(|(_, one)| one["Type"] == "AWS::Serverless::Function");
        let mut found = functions.filter(|(_, one)| one["Metadata"]["BuildProperties"]["Binary"] == binary);
        found.next().map(|(name, _)| name.as_str())
    }

    pub fn binaries(&self) -> Vec<String> {
        self.functions().map(|(binary, _)| binary.to_owned()).collect()
    }

    /// The paths of the HTTP API and of the REST API, and the binaries that serve them. The
    /// `$default` route is `/{proxy+}`.
    pub fn routes(&self) -> BTreeMap<String, String> {
        self.routes_of(&["HttpApi", "Api"])
            .map(|(path, binary)| (path.to_owned(), binary.to_owned()))
            .collect()
    }

    /// The paths of the REST API, whose responses are streamed.
    pub fn rest_routes(&self) -> BTreeSet<String> {
        self.routes_of(&["Api"]).map(|(path, _)| path.to_owned()).collect()
    }

    fn routes_of<'a>(&'a self, kinds: &'a [&str]) -> impl Iterator<Item = (&'a str, &'a str)> {
        let events = self.events().filter(|(_, event)| kinds.iter().any(|kind| event["Type"] == *kind));
        events.map(|(binary, event)| (event["Properties"]["Path"].as_str().unwrap_or("/{proxy+}"), binary))
    }

    /// The name of the REST API's stage, which is a part of its paths.
    pub fn rest_stage(&self) -> String {
        let api = self.resources().find(|(_, resource)| resource["Type"] == "AWS::Serverless::Api");
        api.and_then(|(_, api)| api["Properties"]["StageName"].as_str()).unwrap_or("prod").to_owned()
    }

    pub fn event_source(&self, name: &str) -> Result<EventSource> {
        let event = self.events().find(|(binary, event)| *binary == name && event["Type"] == "SQS");
        let (_, event) = event
            .with_context(|| format!("template.yaml has no function {name} with an event of type SQS"))?;
        let settings = &event["Properties"];
        let number =
            |value, default| self.number(value).map_or(default, |n| usize::try_from(n).unwrap_or(default));
        Ok(EventSource {
            batch_size: number(&settings["BatchSize"], 10),
            concurrency: number(&settings["ScalingConfig"]["MaximumConcurrency"], 5),
            timeout: self.timeout(name),
        })
    }

    pub fn timeouts(&self) -> BTreeMap<String, Duration> {
        self.functions().map(|(binary, _)| (binary.to_owned(), self.timeout(binary))).collect()
    }

    /// The functions that a schedule invokes, with its interval. Only `rate(...)` is supported.
    pub fn schedules(&self) -> Vec<(String, Duration)> {
        let interval = |event: &Value| {
            let properties = &event["Properties"];
            rate(properties["Schedule"].as_str().or(properties["ScheduleExpression"].as_str())?)
        };
        let events = self.events();
        events.filter_map(|(binary, event)| Some((binary.to_owned(), interval(event)?))).collect()
    }

    /// The memory of the function whose binary is `name`, in MB.
    pub fn memory(&self, name: &str) -> Option<u64> {
        self.property(name, "MemorySize")
    }

    /// The template as it is deployed where `condition` is false: without the resources that have it.
    #[must_use]
    pub fn without(&self, condition: &str) -> Self {
        let mut template = self.clone();
        if let Some(resources) = template.document["Resources"].as_object_mut() {
            resources.retain(|_, resource| resource["Condition"] != condition);
        }
        template
    }

    /// The number of metrics that alarms use. AWS charges for each.
    pub fn alarm_metrics(&self) -> usize {
        let alarms = self.resources().filter(|(_, resource)| resource["Type"] == "AWS::CloudWatch::Alarm");
        let metrics = |alarm: &Value| {
            let listed = alarm["Properties"]["Metrics"].as_array();
            listed.map_or(1, |all| all.iter().filter(|one| one.get("MetricStat").is_some()).count())
        };
        alarms.map(|(_, alarm)| metrics(alarm)).sum()
    }

    /// The number of resources of a type.
    pub fn count_of(&self, kind: &str) -> usize {
        self.resources().filter(|(_, resource)| resource["Type"] == kind).count()
    }

    pub fn parameter(&self, name: &str) -> Option<u64> {
        self.number(&self.document["Parameters"][name]["Default"])
    }

    fn timeout(&self, binary: &str) -> Duration {
        // Lambda's own default is three seconds.
        Duration::from_secs(self.property(binary, "Timeout").unwrap_or(3))
    }

    /// A number among a function's properties, or among those that all functions share.
    fn property(&self, binary: &str, name: &str) -> Option<u64> {
        let (_, function) = self.functions().find(|(own, _)| *own == binary)?;
        let global = &self.document["Globals"]["Function"][name];
        self.number(&function["Properties"][name]).or_else(|| self.number(global))
    }

    /// A literal number, or the default of a parameter.
    fn number(&self, value: &Value) -> Option<u64> {
        match value {
            Value::Object(reference) => self.parameter(reference.get("Ref")?.as_str()?),
            Value::String(text) => text.parse().ok(),
            other => other.as_u64(),
        }
    }

    fn resources(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.document["Resources"].as_object().into_iter().flatten()
    }

    fn functions(&self) -> impl Iterator<Item = (&str, &Value)> {
        let functions = self.resources().filter(|(_, one)| one["Type"] == "AWS::Serverless::Function");
        functions.filter_map(|(_, one)| Some((one["Metadata"]["BuildProperties"]["Binary"].as_str()?, one)))
    }

    /// The events of all functions, with the functions' binaries.
    fn events(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.functions().flat_map(|(binary, function)| {
            let events = function["Properties"]["Events"].as_object().into_iter().flat_map(Map::values);
            events.map(move |event| (binary, event))
        })
    }
}

/// Parses `rate(5 minutes)`.
fn rate(expression: &str) -> Option<Duration> {
    let (number, unit) = expression.strip_prefix("rate(")?.strip_suffix(')')?.split_once(' ')?;
    let seconds = match unit.trim_end_matches('s') {
        "minute" => 60,
        "hour" => 3_600,
        "day" => 86_400,
        _ => return None,
    };
    Some(Duration::from_secs(number.parse::<u64>().ok()?.checked_mul(seconds)?))
}
