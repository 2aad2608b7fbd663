//! Validates a JSON body against protobuf messages and reads its fields.
//!
//! Google reads JSON by protobuf's rules: a field name is in camel case or snake case, an unknown
//! name is a 400 ("Cannot find field."), `null` means absent, and a single element may replace a
//! list.

use serde_json::Value;

use super::proto::TYPES;

/// A violation of the message's definition. `field` is `None` at the root.
#[derive(Debug, PartialEq, Eq)]
pub struct Violation {
    pub field: Option<String>,
    pub description: String,
}

pub fn violations(message: &str, body: &Value) -> Vec<Violation> {
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

fn check_message(message: &str, value: &Value, path: &str, found: &mut Vec<Violation>) {
    let Some(object) = value.as_object() else {
        let kind = format!("type.googleapis.com/google.ai.generativelanguage.v1beta.{message}");
        return found.push(invalid_value(path, &kind, value));
    };
    for (key, value) in object {
        let Some(field) = TYPES[message].iter().find(|field| is_named(key, field.name)) else {
            found.push(unknown_name(key, path, "Cannot find field."));
            continue;
        };
        let path_of_field =
            if path.is_empty() { field.name.to_owned() } else { format!("{path}.{}", field.name) };
        match value {
            Value::Null => {}
            Value::Array(elements) if field.repeated => {
                for (index, element) in elements.iter().enumerate() {
                    check_value(field.kind, element, &format!("{path_of_field}[{index}]"), found);
                }
            }
            Value::Array(_) if is_known(field.kind) => {
                found.push(unknown_name(key, path, "Proto field is not repeating, cannot start list."));
            }
            single => check_value(field.kind, single, &path_of_field, found),
        }
    }
}

fn is_known(kind: &str) -> bool {
    ["string", "int32", "float", "bool"].contains(&kind) || TYPES.contains_key(kind)
}

fn check_value(kind: &str, value: &Value, path: &str, found: &mut Vec<Violation>) {
    // protobuf's JSON allows a number as a string.
    let number = value.as_f64().or_else(|| value.as_str()?.parse().ok());
    let (name, fits) = match kind {
        "string" => ("TYPE_STRING", value.is_string()),
        "int32" => {
            let whole = |n: f64| n.fract() == 0.0 && (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&n);
            ("TYPE_INT32", number.is_some_and(whole))
        }
        "float" => ("TYPE_FLOAT", number.is_some()),
        "bool" => ("TYPE_BOOL", value.is_boolean()),
        name => match TYPES.get(name) {
            None => return,
            Some(fields) if fields.is_empty() => ("TYPE_ENUM", value.is_string() || value.is_i64()),
            Some(_) => return check_message(name, value, path, found),
        },
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

/// The field with this snake-case name; `None` if it is absent or `null`.
pub fn field<'a>(message: &'a Value, name: &str) -> Option<&'a Value> {
    let (_, value) = message.as_object()?.iter().find(|(key, _)| is_named(key, name))?;
    (!value.is_null()).then_some(value)
}

pub fn elements<'a>(message: &'a Value, name: &str) -> &'a [Value] {
    match field(message, name) {
        Some(Value::Array(elements)) => elements,
        Some(single) => std::slice::from_ref(single),
        None => &[],
    }
}

/// Whether a part has content. Empty text is none, except beside the `thoughtSignature` that a
/// client must return unchanged.
pub fn has_data(part: &Value) -> bool {
    let names =
        "text inline_data function_call function_response file_data executable_code code_execution_result";
    let is_empty_text = field(part, "text").is_some_and(|text| text == "");
    let has_signature = field(part, "thought_signature").is_some();
    names.split(' ').any(|name| field(part, name).is_some()) && (!is_empty_text || has_signature)
}

fn is_named(key: &str, name: &str) -> bool {
    let separator = |letter: char| letter.is_ascii_uppercase().then_some('_');
    let snake =
        key.chars().flat_map(|letter| separator(letter).into_iter().chain([letter.to_ascii_lowercase()]));
    key == name || (!key.contains('_') && snake.eq(name.chars()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn descriptions(body: &Value) -> Vec<String> {
        violations("GenerateContentRequest", body)
            .into_iter()
            .map(|violation| violation.description)
            .collect()
    }

    #[test]
    fn camel_case_snake_case_and_single_elements_are_valid() {
        let camel = json!({"contents": [{"role": "user", "parts": [{"text": "x", "thoughtSignature": "c2ln"}]}],
            "systemInstruction": {"parts": {"text": "y"}}, "generationConfig": {"maxOutputTokens": 5, "topP": 0.5},
            "tools": [{"googleSearch": {}}], "safetySettings": null, "store": false});
        let snake = json!({"contents": {"parts": [{"text": "x"}]}, "system_instruction": {"parts": [{"text": "y"}]},
            "generation_config": {"max_output_tokens": "5"}});
        assert_eq!(descriptions(&camel), [""; 0]);
        assert_eq!(descriptions(&snake), [""; 0]);
    }

    #[test]
    fn unknown_name_is_reported_with_its_path() {
        let body = json!({"contents": [{"content": "x"}], "thinking": true});
        assert_eq!(
            descriptions(&body),
            [
                "Invalid JSON payload received. Unknown name \"content\" at 'contents[0]': Cannot find field.",
                "Invalid JSON payload received. Unknown name \"thinking\": Cannot find field.",
            ]
        );
    }

    #[test]
    fn value_of_the_wrong_type_is_reported_with_its_path() {
        let body = json!({"contents": ["hello"], "generationConfig": {"maxOutputTokens": 1.5}, "store": "no",
            "systemInstruction": {"parts": [{"text": 5}]}, "cachedContent": ["x"]});
        let found = descriptions(&body).join("\n");
        for expected in [
            "Invalid value at 'contents[0]' (type.googleapis.com/google.ai.generativelanguage.v1beta.Content), \"hello\"",
            "Invalid value at 'generation_config.max_output_tokens' (TYPE_INT32), 1.5",
            "Invalid value at 'store' (TYPE_BOOL), \"no\"",
            "Invalid value at 'system_instruction.parts[0].text' (TYPE_STRING), 5",
            "Unknown name \"cachedContent\": Proto field is not repeating, cannot start list.",
        ] {
            assert!(found.contains(expected), "{expected} in {found}");
        }
        assert!(violations("GenerateContentRequest", &json!([]))[0].description.contains("Root element"));
    }
}
