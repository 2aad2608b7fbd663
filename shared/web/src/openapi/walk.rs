//! Finds operations, references and nested values in the document.

use serde_json::Value;

const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];

const SCHEMAS: &str = "#/components/schemas/";

/// The operations of `document`, each with its method in lower case and its path.
pub fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths.flat_map(|(path, item)| {
        METHODS.iter().filter_map(|method| Some((*method, path.as_str(), item.get(method)?)))
    })
}

/// Calls `change` with each operation of `document`, its method in lower case and its path.
pub(super) fn change_operations(document: &mut Value, mut change: impl FnMut(&str, &str, &mut Value)) {
    for (path, item) in document["paths"].as_object_mut().into_iter().flatten() {
        for method in METHODS {
            if let Some(operation) = item.get_mut(method) {
                change(method, path, operation);
            }
        }
    }
}

/// Calls `change` with each value inside `value`, and then with `value` itself.
pub(super) fn walk_mut(value: &mut Value, change: &mut impl FnMut(&mut Value)) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| walk_mut(item, change)),
        Value::Object(members) => members.values_mut().for_each(|member| walk_mut(member, change)),
        _ => {}
    }
    change(value);
}

/// The name of the schema that `value` refers to.
pub(super) fn schema_name(value: &Value) -> Option<&str> {
    value.get("$ref")?.as_str()?.strip_prefix(SCHEMAS)
}

/// The reference to the schema `name`.
pub(super) fn schema_reference(name: &str) -> String {
    format!("{SCHEMAS}{name}")
}
