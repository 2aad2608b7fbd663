//! Adds `success: true`, which every successful JSON response has.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::walk::{operations, schema_name};

/// Adds the member to the schemas of all successful responses. Other schemas must not refer to
/// these.
pub(super) fn add(document: &mut Value) {
    let responses = operations(document).filter_map(|(_, _, operation)| operation["responses"].as_object());
    let successes = responses.flatten().filter(|(status, _)| status.starts_with('2'));
    let bodies: BTreeSet<String> = successes
        .filter_map(|(_, response)| response.pointer("/content/application~1json/schema"))
        .filter_map(|schema| schema_name(schema).map(str::to_owned))
        .collect();
    for name in bodies {
        add_success(&mut document["components"]["schemas"][name]);
    }
}

/// Adds `success: true` to an object or to a list of objects that are merged.
fn add_success(schema: &mut Value) {
    let member = json!({ "const": true });
    if let Some(parts) = schema.get_mut("allOf").and_then(Value::as_array_mut) {
        let properties = json!({ "success": member });
        parts.push(json!({ "type": "object", "required": ["success"], "properties": properties }));
    } else {
        schema["properties"]["success"] = member;
        match schema.get_mut("required").and_then(Value::as_array_mut) {
            Some(required) => required.push("success".into()),
            None => schema["required"] = json!(["success"]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_success_has_its_member() {
        let schema = json!({ "$ref": "#/components/schemas/Room" });
        let response = json!({ "content": { "application/json": { "schema": schema } } });
        let mut document = json!({
            "paths": { "/a": { "get": { "responses": { "200": response } } } },
            "components": { "schemas": { "Room": { "type": "object", "properties": {} } } },
        });
        add(&mut document);
        let room = &document["components"]["schemas"]["Room"];
        assert_eq!(room["required"], json!(["success"]));
        assert_eq!(room["properties"]["success"]["const"], true);
    }
}
