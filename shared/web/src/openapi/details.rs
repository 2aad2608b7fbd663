//! Completes what the attributes of the handlers state about an operation: its summary, its
//! description, whether it is public, and the parameters that it shares with others.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::names::capitalised;
use super::walk::{change_operations, schema_name, walk_mut};

/// The first sentence of a handler's documentation becomes the summary, the rest the description.
/// An operation without a security scheme is public; the others have that of the document.
pub(super) fn complete(document: &mut Value) {
    change_operations(document, |_, _, operation| {
        let text = ["summary", "description"].map(|name| operation[name].as_str().unwrap_or_default());
        let (summary, description) = split_first_sentence(&join_lines(text.join("\n\n").trim()));
        operation["summary"] = summary.into();
        operation["description"] = description.into();
        match operation.as_object_mut() {
            Some(members) if members.contains_key("security") => drop(members.remove("security")),
            _ => operation["security"] = json!([]),
        }
    });
    walk_mut(document, &mut |value| {
        if let Some(Value::String(description)) = value.get_mut("description") {
            *description = join_lines(description);
        }
    });
}

/// The first sentence of `text` without its full stop, and the rest.
fn split_first_sentence(text: &str) -> (String, String) {
    let end = text.find(". ").into_iter().chain(text.find(".\n")).min().unwrap_or(text.len());
    let (sentence, rest) = text.split_at(end);
    (sentence.trim_end_matches('.').to_owned(), rest.trim_start_matches('.').trim().to_owned())
}

/// Writes each paragraph as one line.
fn join_lines(text: &str) -> String {
    text.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect::<Vec<_>>().join("\n\n")
}

/// Moves the parameters that several operations have to `components.parameters`.
pub(super) fn share_parameters(document: &mut Value) {
    let mut uses: BTreeMap<String, usize> = BTreeMap::new();
    change_operations(document, |_, _, operation| {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            *uses.entry(parameter.to_string()).or_default() += 1;
        }
    });
    let mut shared: BTreeMap<String, Value> = BTreeMap::new();
    change_operations(document, |_, _, operation| {
        let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
        for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
            if uses.get(&parameter.to_string()).is_some_and(|uses| *uses > 1) {
                let mut name = parameter_name(parameter);
                if shared.get(&name).is_some_and(|other| other != parameter) {
                    name = capitalised(&id) + &name;
                }
                let reference = json!({ "$ref": format!("#/components/parameters/{name}") });
                shared.insert(name, std::mem::replace(parameter, reference));
            }
        }
    });
    document["components"]["parameters"] = shared.into_iter().collect();
}

/// The name of a shared parameter: that of its type if it is an id, otherwise its own.
fn parameter_name(parameter: &Value) -> String {
    match schema_name(&parameter["schema"]) {
        Some(schema) if parameter["in"] == "path" => schema.to_owned(),
        _ => parameter["name"].as_str().unwrap_or_default().split(['-', '_']).map(capitalised).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sentence_is_the_summary() {
        let mut document = json!({ "paths": { "/a": { "get": {
            "summary": "Lists rooms. The newest\ncomes first.", "description": "One page.",
        } } } });
        complete(&mut document);
        let get = &document["paths"]["/a"]["get"];
        assert_eq!(get["summary"], "Lists rooms");
        assert_eq!(get["description"], "The newest comes first.\n\nOne page.");
        assert_eq!(get["security"], json!([]));
    }

    #[test]
    fn only_parameters_of_several_operations_are_shared() {
        let id = json!({ "name": "id", "in": "path", "schema": { "$ref": "#/components/schemas/RoomId" } });
        let limit = json!({ "name": "limit", "in": "query" });
        let mut document = json!({ "components": {}, "paths": {
            "/a": { "get": { "parameters": [id, limit] }, "put": { "parameters": [id] } },
        } });
        share_parameters(&mut document);
        let reference = json!({ "$ref": "#/components/parameters/RoomId" });
        assert_eq!(document["paths"]["/a"]["get"]["parameters"], json!([reference, limit]));
        assert_eq!(document["components"]["parameters"], json!({ "RoomId": id }));
    }
}
