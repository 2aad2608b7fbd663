//! Converts CloudFormation's tags to their long form.

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};
use serde_yaml_ng::Value as Yaml;

pub(super) fn to_json(yaml: Yaml) -> Result<Value> {
    Ok(match yaml {
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            function(tag.trim_start_matches('!'), &to_json(tagged.value)?)
        }
        Yaml::Sequence(items) => Value::Array(items.into_iter().map(to_json).collect::<Result<_>>()?),
        Yaml::Mapping(pairs) => {
            let pairs = pairs.into_iter().map(|(name, value)| {
                let name = name.as_str().context("a key that is not text")?;
                Ok((name.to_owned(), to_json(value)?))
            });
            Value::Object(pairs.collect::<Result<Map<_, _>>>()?)
        }
        plain => serde_json::to_value(plain).context("converting a value to JSON")?,
    })
}

fn function(name: &str, argument: &Value) -> Value {
    match (name, argument) {
        ("Ref" | "Condition", _) => json!({ name: argument }),
        ("GetAtt", Value::String(path)) => {
            let (resource, attribute) = path.split_once('.').unwrap_or((path, ""));
            json!({ "Fn::GetAtt": [resource, attribute] })
        }
        _ => json!({ format!("Fn::{name}"): argument }),
    }
}
