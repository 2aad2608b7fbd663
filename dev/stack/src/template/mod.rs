//! What the local stack takes from `template.yaml`, so that local and deployed cannot drift.

mod intrinsic;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
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

/// How the worker is driven from its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventSource {
    /// The most messages in one invocation.
    pub batch_size: usize,
    /// The most invocations at once.
    pub concurrency: usize,
    /// How long one invocation may take.
    pub timeout: Duration,
}

impl Template {
    /// Reads the template in the checkout's top folder.
    ///
    /// # Errors
    /// When it is not there or not YAML.
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

    /// A template of the queues and tables alone, with the parameters and conditions as they are.
    ///
    /// # Errors
    /// When there are none.
    pub fn storage(&self) -> Result<Value> {
        let kept = ["AWS::SQS::Queue", "AWS::DynamoDB::Table"];
        let resources: Map<String, Value> = self
            .resources()
            .filter(|(_, resource)| kept.iter().any(|kind| resource["Type"] == *kind))
            .map(|(name, resource)| (name.clone(), resource.clone()))
            .collect();
        anyhow::ensure!(!resources.is_empty(), "template.yaml has neither queue nor table");
        let mut parameters = self.document.get("Parameters").cloned().unwrap_or_else(|| json!({}));
        for parameter in parameters.as_object_mut().into_iter().flat_map(Map::values_mut) {
            // What must be given on deployment is of no concern here.
            if let Some(parameter) = parameter.as_object_mut().filter(|one| !one.contains_key("Default")) {
                parameter.insert("Default".to_owned(), json!("local"));
                parameter.remove("AllowedPattern");
            }
        }
        Ok(json!({
            "AWSTemplateFormatVersion": "2010-09-09",
            "Parameters": parameters,
            "Conditions": self.document.get("Conditions").cloned().unwrap_or_else(|| json!({})),
            "Resources": resources,
        }))
    }

    /// The functions' binaries.
    #[must_use]
    pub fn binaries(&self) -> Vec<String> {
        self.functions().filter_map(|(_, function)| binary(function)).collect()
    }

    /// The paths of the HTTP API and the binaries that answer them; the `$default` route is `/{proxy+}`.
    #[must_use]
    pub fn routes(&self) -> BTreeMap<String, String> {
        let mut routes = BTreeMap::new();
        for (_, function) in self.functions() {
            for event in function["Properties"]["Events"].as_object().into_iter().flat_map(Map::values) {
                if let (true, Some(binary)) = (event["Type"] == "HttpApi", binary(function)) {
                    let path = event["Properties"]["Path"].as_str().unwrap_or("/{proxy+}");
                    routes.insert(path.to_owned(), binary);
                }
            }
        }
        routes
    }

    /// How the queue drives the function whose binary is `binary`.
    ///
    /// # Errors
    /// When the template does not say that it does.
    pub fn event_source(&self, binary: &str) -> Result<EventSource> {
        let missing = || format!("template.yaml has no function {binary} with an event of type SQS");
        let (_, function) = self
            .functions()
            .find(|(_, function)| self::binary(function).as_deref() == Some(binary))
            .with_context(missing)?;
        let mut events = function["Properties"]["Events"].as_object().into_iter().flat_map(Map::values);
        let event = events.find(|event| event["Type"] == "SQS").with_context(missing)?;
        let settings = &event["Properties"];
        let timeout = [&function["Properties"]["Timeout"], &self.document["Globals"]["Function"]["Timeout"]];
        let timeout = timeout.into_iter().find_map(|timeout| self.number(timeout)).unwrap_or(3);
        let number =
            |value, default| self.number(value).map_or(default, |n| usize::try_from(n).unwrap_or(default));
        Ok(EventSource {
            batch_size: number(&settings["BatchSize"], 10),
            concurrency: number(&settings["ScalingConfig"]["MaximumConcurrency"], 5),
            timeout: Duration::from_secs(timeout),
        })
    }

    /// The functions that are invoked at regular times, and how often; of expressions, `rate(...)` is known.
    #[must_use]
    pub fn schedules(&self) -> Vec<(String, Duration)> {
        let mut schedules = Vec::new();
        for (_, function) in self.functions() {
            for event in function["Properties"]["Events"].as_object().into_iter().flat_map(Map::values) {
                let properties = &event["Properties"];
                let expression =
                    properties["Schedule"].as_str().or(properties["ScheduleExpression"].as_str());
                if let (Some(binary), Some(every)) = (binary(function), expression.and_then(rate)) {
                    schedules.push((binary, every));
                }
            }
        }
        schedules
    }

    /// The memory of the function whose binary is `binary`, in MB.
    #[must_use]
    pub fn memory(&self, binary: &str) -> Option<u64> {
        let (_, function) =
            self.functions().find(|(_, function)| self::binary(function).as_deref() == Some(binary))?;
        let own = &function["Properties"]["MemorySize"];
        self.number(own).or_else(|| self.number(&self.document["Globals"]["Function"]["MemorySize"]))
    }

    /// How many metrics alarms look at, each of which is paid for.
    #[must_use]
    pub fn alarm_metrics(&self) -> usize {
        let alarms = self.resources().filter(|(_, resource)| resource["Type"] == "AWS::CloudWatch::Alarm");
        let metrics = |alarm: &Value| {
            let listed = alarm["Properties"]["Metrics"].as_array();
            listed.map_or(1, |all| all.iter().filter(|one| one.get("MetricStat").is_some()).count())
        };
        alarms.map(|(_, alarm)| metrics(alarm)).sum()
    }

    /// A parameter's default, where that is a number.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<u64> {
        self.number(&self.document["Parameters"][name]["Default"])
    }

    /// A number that is written down, or is a parameter's default.
    fn number(&self, value: &Value) -> Option<u64> {
        match value {
            Value::Object(reference) => {
                let name = reference.get("Ref")?.as_str()?;
                self.number(&self.document["Parameters"][name]["Default"])
            }
            Value::String(text) => text.parse().ok(),
            other => other.as_u64(),
        }
    }

    fn resources(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.document["Resources"].as_object().into_iter().flatten()
    }

    fn functions(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.resources().filter(|(_, resource)| resource["Type"] == "AWS::Serverless::Function")
    }
}

fn binary(function: &Value) -> Option<String> {
    function["Metadata"]["BuildProperties"]["Binary"].as_str().map(str::to_owned)
}

/// Reads `rate(5 minutes)`.
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
