//! Lenient access to Google's JSON: a value that is missing, `null` or of another type gets a
//! default, a list may be a single element and the reverse, and numbers may be strings.

use serde_json::Value;

/// The elements of a list. A single value counts as a list of one, `null` as an empty list.
pub(super) fn elements(value: &Value) -> &[Value] {
    match value {
        Value::Array(elements) => elements,
        Value::Null => &[],
        single => std::slice::from_ref(single),
    }
}

/// The value itself, or the first element of a list.
pub(super) fn single(value: &Value) -> &Value {
    elements(value).first().unwrap_or(&Value::Null)
}

/// A count, which may be an integer, a float or a string of either. Anything else is zero.
pub(super) fn count(value: &Value) -> i32 {
    let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()).unwrap_or_default();
    #[expect(clippy::cast_possible_truncation, reason = "a cast of a float saturates, and NaN becomes zero")]
    let count = number as i32;
    count.max(0)
}

/// Whether a flag is set. A value of another type counts as set.
pub(super) fn is_set(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false)) && value != "false" && value != 0
}
