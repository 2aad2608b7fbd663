//! Writes the document as JSON with one line for each operation and each component: small enough to
//! be served as it is, and readable in a diff.

use std::fmt::Write as _;

use serde_json::Value;

/// The top-level members, in the order in which a reader needs them.
const MEMBERS: [&str; 7] = ["openapi", "info", "servers", "security", "tags", "paths", "components"];

/// How many levels of objects have one member a line: the document, its sections, and their parts.
const OPEN_LEVELS: usize = 3;

/// The text of `document`.
#[must_use]
pub fn to_text(document: &Value) -> String {
    let members: Vec<_> = MEMBERS.iter().filter_map(|name| Some((*name, document.get(name)?))).collect();
    let mut text = String::from("{\n");
    for (index, (name, member)) in members.iter().enumerate() {
        let levels = if ["paths", "components"].contains(name) { OPEN_LEVELS - 1 } else { 0 };
        write_member(&mut text, name, member, levels);
        text.push_str(if index + 1 < members.len() { ",\n" } else { "\n" });
    }
    text + "}\n"
}

/// Writes `"name":member`, with the members of the next `levels` levels of objects on their own
/// lines.
fn write_member(text: &mut String, name: &str, member: &Value, levels: usize) {
    // Writing to a string cannot fail.
    let _ = write!(text, "{}:", Value::from(name));
    match member.as_object() {
        Some(members) if levels > 0 && !members.is_empty() => {
            text.push_str("{\n");
            for (index, (name, member)) in members.iter().enumerate() {
                write_member(text, name, member, levels - 1);
                text.push_str(if index + 1 < members.len() { ",\n" } else { "\n" });
            }
            text.push('}');
        }
        _ => {
            let _ = write!(text, "{member}");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_operation_and_each_component_has_a_line() {
        let document = json!({
            "components": { "schemas": { "A": { "type": "object" }, "B": {} } },
            "openapi": "3.1.0",
            "paths": { "/a": { "get": { "tags": ["x"] }, "put": {} } },
        });
        let text = to_text(&document);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), document);
        assert!(
            text.starts_with(
                "{\n\"openapi\":\"3.1.0\",\n\"paths\":{\n\"/a\":{\n\"get\":{\"tags\":[\"x\"]},\n"
            )
        );
        assert!(text.contains("\"schemas\":{\n\"A\":{\"type\":\"object\"},\n\"B\":{}\n}"), "{text}");
    }
}
