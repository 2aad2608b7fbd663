//! Adds an example to each body that has none, derived from its schema.

use serde_json::{Map, Value, json};
use utoipa::openapi::path::Operation;
use utoipa::openapi::{Content, RefOr};

/// Adds examples to the request body and the responses of `operation`.
pub(super) fn add(operation: &mut Operation, components: &Value) {
    let add_example = |content: &mut RefOr<Content>| {
        if let RefOr::T(content) = content
            && content.example.is_none()
            && let Some(schema) = content.schema.as_ref().and_then(|schema| serde_json::to_value(schema).ok())
        {
            content.example = Some(example(&schema, components));
        }
    };
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        body.content.values_mut().for_each(add_example);
    }
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            response.content.values_mut().for_each(add_example);
        }
    }
}

/// A value that `schema` allows: its own example if it has one, otherwise built from its members.
fn example(schema: &Value, components: &Value) -> Value {
    if let Some(name) = schema["$ref"].as_str().and_then(|name| name.rsplit('/').next()) {
        return example(&components["schemas"][name], components);
    }
    if let Some(given) = [&schema["example"], &schema["examples"][0], &schema["default"], &schema["enum"][0]]
        .into_iter()
        .find(|given| !given.is_null())
    {
        return given.clone();
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let mut members = Map::new();
        for part in parts {
            if let Value::Object(of_part) = example(part, components) {
                members.extend(of_part);
            }
        }
        return Value::Object(members);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let choice = choices.iter().find(|choice| choice["type"] != "null");
        return choice.map_or(Value::Null, |choice| example(choice, components));
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str()).unwrap_or_default();
    match (kind, schema["format"].as_str()) {
        ("object", _) => {
            let members = schema["properties"].as_object().into_iter().flatten();
            members.map(|(name, member)| (name.clone(), example(member, components))).collect()
        }
        ("array", _) => json!([example(&schema["items"], components)]),
        ("string", Some("uuid")) => json!("018f0000-0000-7000-8000-00000000000a"),
        ("string", Some("date-time")) => json!("2026-11-25T12:00:00Z"),
        ("string", Some("date")) => json!("2026-11-25"),
        ("string", _) => json!("text"),
        ("integer" | "number", _) => schema["minimum"].as_i64().map_or(json!(1), |minimum| json!(minimum)),
        ("boolean", _) => json!(true),
        _ => Value::Null,
    }
}
