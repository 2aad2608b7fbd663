//! The check of a JSON body against the messages of protobuf.
//!
//! Google reads JSON by protobuf's rules: a field may be written in camel case or in its own snake case, an unknown
//! name is a 400 ("Cannot find field."), `null` is the same as absent, and where a list belongs a single element will
//! do.

use serde_json::Value;

use super::messages::{Kind, Message};

/// One thing wrong with a body: where, if not at the root, and what.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Violation {
    pub(super) field: Option<String>,
    pub(super) description: String,
}

/// The fields of a part of which exactly one must be there.
const PART_DATA: [&str; 7] = [
    "text",
    "inline_data",
    "function_call",
    "function_response",
    "file_data",
    "executable_code",
    "code_execution_result",
];

/// Everything that protobuf's JSON reader would not take.
pub(super) fn violations(message: &'static Message, body: &Value) -> Vec<Violation> {
    let mut found = Vec::new();
    if body.is_object() {
        check_message(message, body, "", &mut found);
    } else {
        let description =
            "Invalid JSON payload received. Unknown name \"\": Root element must be a message.".into();
        found.push(Violation { field: None, description });
    }
    found
}

fn check_message(message: &'static Message, value: &Value, path: &str, found: &mut Vec<Violation>) {
    let Some(object) = value.as_object() else {
        let kind = format!("type.googleapis.com/google.ai.generativelanguage.v1beta.{}", message.name);
        return found.push(invalid_value(path, &kind, value));
    };
    for (key, value) in object {
        let Some(field) = message.fields.iter().find(|field| is_named(key, field.name)) else {
            found.push(unknown_name(key, path, "Cannot find field."));
            continue;
        };
        let path_of_field =
            if path.is_empty() { field.name.to_owned() } else { format!("{path}.{}", field.name) };
        match value {
            Value::Null => {}
            Value::Array(elements) if field.repeated => {
                for (index, element) in elements.iter().enumerate() {
                    check_value(&field.kind, element, &format!("{path_of_field}[{index}]"), found);
                }
            }
            Value::Array(_) if !matches!(field.kind, Kind::Any) => {
                found.push(unknown_name(key, path, "Proto field is not repeating, cannot start list."));
            }
            single => check_value(&field.kind, single, &path_of_field, found),
        }
    }
}

fn check_value(kind: &Kind, value: &Value, path: &str, found: &mut Vec<Violation>) {
    // A number may also come as a string.
    let number = value.as_f64().or_else(|| value.as_str()?.parse().ok());
    let (name, fits) = match kind {
        Kind::Message(message) => return check_message(message, value, path, found),
        Kind::Any => return,
        Kind::Text => ("TYPE_STRING", value.is_string()),
        Kind::Integer => {
            let whole = |n: f64| n.fract() == 0.0 && (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&n);
            ("TYPE_INT32", number.is_some_and(whole))
        }
        Kind::Number => ("TYPE_FLOAT", number.is_some()),
        Kind::Flag => ("TYPE_BOOL", value.is_boolean()),
        Kind::Choice => ("TYPE_ENUM", value.is_string() || value.is_i64()),
    };
    if !fits {
        found.push(invalid_value(path, name, value));
    }
}

fn unknown_name(key: &str, path: &str, why: &str) -> Violation {
    let place = if path.is_empty() { String::new() } else { format!(" at '{path}'") };
    let description = format!("Invalid JSON payload received. Unknown name \"{key}\"{place}: {why}");
    Violation { field: (!path.is_empty()).then(|| path.to_owned()), description }
}

fn invalid_value(path: &str, kind: &str, value: &Value) -> Violation {
    Violation {
        field: Some(path.to_owned()),
        description: format!("Invalid value at '{path}' ({kind}), {value}"),
    }
}

/// The field of a message by its name in snake case, however it is written; absent and `null` are the same.
pub(super) fn field<'a>(message: &'a Value, name: &str) -> Option<&'a Value> {
    let (_, value) = message.as_object()?.iter().find(|(key, _)| is_named(key, name))?;
    (!value.is_null()).then_some(value)
}

/// The elements of a repeated field, which may be written as one element without a list.
pub(super) fn elements<'a>(message: &'a Value, name: &str) -> &'a [Value] {
    match field(message, name) {
        Some(Value::Array(elements)) => elements,
        Some(single) => std::slice::from_ref(single),
        None => &[],
    }
}

/// Whether a part holds anything.
pub(super) fn has_data(part: &Value) -> bool {
    PART_DATA.iter().any(|name| field(part, name).is_some())
}

/// Whether a JSON name is the field of this name in snake case, or its camel case.
fn is_named(key: &str, name: &str) -> bool {
    let mut camel = String::with_capacity(name.len());
    for (index, word) in name.split('_').enumerate() {
        let mut letters = word.chars();
        match letters.next() {
            Some(first) if index > 0 => camel.push(first.to_ascii_uppercase()),
            Some(first) => camel.push(first),
            None => {}
        }
        camel.push_str(letters.as_str());
    }
    key == name || key == camel
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::messages::GENERATE_CONTENT;
    use super::*;

    fn complaints(body: &Value) -> Vec<String> {
        violations(&GENERATE_CONTENT, body).into_iter().map(|violation| violation.description).collect()
    }

    #[test]
    fn both_spellings_and_single_elements_are_taken() {
        let camel = json!({"contents": [{"role": "user", "parts": [{"text": "x", "thoughtSignature": "c2ln"}]}],
            "systemInstruction": {"parts": {"text": "y"}}, "generationConfig": {"maxOutputTokens": 5, "topP": 0.5},
            "tools": [{"googleSearch": {}}], "safetySettings": null, "store": false});
        let snake = json!({"contents": {"parts": [{"text": "x"}]}, "system_instruction": {"parts": [{"text": "y"}]},
            "generation_config": {"max_output_tokens": "5"}});
        assert_eq!(complaints(&camel), [""; 0]);
        assert_eq!(complaints(&snake), [""; 0]);
    }

    #[test]
    fn what_protobuf_does_not_know_is_named_with_its_place() {
        let body = json!({"contents": [{"content": "x"}], "thinking": true});
        assert_eq!(
            complaints(&body),
            [
                "Invalid JSON payload received. Unknown name \"content\" at 'contents[0]': Cannot find field.",
                "Invalid JSON payload received. Unknown name \"thinking\": Cannot find field.",
            ]
        );
    }

    #[test]
    fn a_value_of_the_wrong_type_is_named_with_its_place() {
        let body = json!({"contents": ["hello"], "generationConfig": {"maxOutputTokens": 1.5}, "store": "no",
            "systemInstruction": {"parts": [{"text": 5}]}, "cachedContent": ["x"]});
        let complaints = complaints(&body).join("\n");
        for expected in [
            "Invalid value at 'contents[0]' (type.googleapis.com/google.ai.generativelanguage.v1beta.Content), \"hello\"",
            "Invalid value at 'generation_config.max_output_tokens' (TYPE_INT32), 1.5",
            "Invalid value at 'store' (TYPE_BOOL), \"no\"",
            "Invalid value at 'system_instruction.parts[0].text' (TYPE_STRING), 5",
            "Unknown name \"cachedContent\": Proto field is not repeating, cannot start list.",
        ] {
            assert!(complaints.contains(expected), "{expected} in {complaints}");
        }
        assert!(violations(&GENERATE_CONTENT, &json!([]))[0].description.contains("Root element"));
    }
}
