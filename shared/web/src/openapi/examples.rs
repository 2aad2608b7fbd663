//! Adds an example to each schema that has none and is not composed of others. Tools compose the
//! example of a schema that refers to others from theirs; repeating them would add a tenth to the
//! document.

use serde_json::{Map, Value, json};

use super::walk::schema_name;

/// Examples of strings by the names of their properties. Other strings show the name itself.
const STRINGS: [(&str, &str); 31] = [
    ("address", "203.0.113.7"),
    ("chatroom_name", "Trip to Lisbon"),
    ("checkout_url", "https://checkout.stripe.com/c/pay/cs_test_a1b2c3"),
    ("content", "What should I see in Lisbon?"),
    ("currency", "usd"),
    ("cursor", "10"),
    ("description", "Sights and restaurants"),
    ("error", "503 Service Unavailable"),
    ("detail", "Too many requests; wait a moment, then try again."),
    ("errors", "name: must be 2 to 100 characters"),
    ("features", "5 messages a day"),
    ("interval", "month"),
    ("message", "The request was successful"),
    ("mobile_number", "+4915112345678"),
    ("model", "gemini-2.5-flash"),
    ("name", "Ada Lovelace"),
    ("next_cursor", "51"),
    ("otp", "123456"),
    ("portal_url", "https://billing.stripe.com/p/session/test_a1b2c3"),
    ("price_id", "price_1Pro"),
    ("request_id", "JKb2hg9jIAMEVPQ="),
    ("refresh_token", "kq3vX0mH2b7Yc9RzT5uW8aE1"),
    ("session_id", "cs_test_a1b2c3"),
    ("status", "up"),
    ("snippet", "… see in Lisbon?"),
    ("system_prompt", "Answer in one paragraph."),
    ("title", "Too Many Requests"),
    ("token", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"),
    ("type", "urn:problem:rate_limited"),
    ("user_agent", "Mozilla/5.0"),
    ("version", "1.0.0"),
];

/// Adds examples to the schemas of `document`.
pub(super) fn add(document: &mut Value) {
    let schemas = document["components"]["schemas"].clone();
    for (name, schema) in document["components"]["schemas"].as_object_mut().into_iter().flatten() {
        let has_example = schema.get("examples").is_some() || schema.get("example").is_some();
        if !has_example && !refers_to_schema(schema) {
            schema["examples"] = json!([example(schema, name, &schemas)]);
        }
    }
}

/// Whether `schema` refers to another one, in any of its members.
fn refers_to_schema(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => schema_name(schema).is_some() || members.values().any(refers_to_schema),
        Value::Array(items) => items.iter().any(refers_to_schema),
        _ => false,
    }
}

/// A value that `schema` allows: its own example if it has one, otherwise built from its required
/// members, or from all if none is required.
/// `name` is the name of the property or of the schema.
fn example(schema: &Value, name: &str, schemas: &Value) -> Value {
    if let Some(name) = schema_name(schema) {
        return example(&schemas[name], name, schemas);
    }
    if let Some(given) =
        [&schema["example"], &schema["examples"][0], &schema["default"], &schema["const"], &schema["enum"][0]]
            .into_iter()
            .find(|given| !given.is_null())
    {
        return given.clone();
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let mut members = Map::new();
        for part in parts {
            if let Value::Object(of_part) = example(part, name, schemas) {
                members.extend(of_part);
            }
        }
        return Value::Object(members);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let choice = choices.iter().find(|choice| choice["type"] != "null");
        return choice.map_or(Value::Null, |choice| example(choice, name, schemas));
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str()).unwrap_or_default();
    match (kind, schema["format"].as_str()) {
        ("object", _) => {
            let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
            let is_shown = |name: &str| required.is_empty() || required.iter().any(|known| known == name);
            let members = schema["properties"].as_object().into_iter().flatten();
            let members = members.filter(|(name, _)| is_shown(name));
            members.map(|(name, member)| (name.clone(), example(member, name, schemas))).collect()
        }
        ("array", _) => json!([example(&schema["items"], name, schemas)]),
        ("string", Some("uuid")) => json!("018f0000-0000-7000-8000-00000000000a"),
        ("string", Some("date-time")) => json!("2026-11-25T12:00:00Z"),
        ("string", Some("date")) => json!("2026-11-25"),
        ("string", _) => {
            let known = STRINGS.iter().find(|(known, _)| *known == name);
            json!(known.map_or_else(|| name.replace('_', " "), |(_, example)| (*example).to_owned()))
        }
        ("integer" | "number", _) => schema["minimum"].as_i64().map_or(json!(1), |minimum| json!(minimum)),
        ("boolean", _) => json!(true),
        _ => Value::Null,
    }
}
