//! The canonical form of a JSON body. Clients write the same JSON in many ways: with members in any
//! order, with white space, escapes, a byte order mark, and numbers such as `1`, `1.0` and `1e0`.

use serde_json::{Number, Value};

use crate::extract::without_byte_order_mark;

/// The largest number up to which every whole number is a 64-bit float.
const MAX_WHOLE_FLOAT: f64 = 9_007_199_254_740_992.0;

/// The canonical form of `body`: sorted members, no white space, the shortest form of strings and
/// numbers. A body that is no JSON is its own canonical form; its handler refuses it.
pub(super) fn canonical_json(body: &[u8]) -> Vec<u8> {
    match serde_json::from_slice(without_byte_order_mark(body)) {
        Ok(value) => {
            let mut text = String::with_capacity(body.len());
            write(&value, &mut text);
            text.into_bytes()
        }
        Err(_) => body.to_vec(),
    }
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            write_list(text, ['{', '}'], members, |(name, value), text| {
                write_string(name, text);
                text.push(':');
                write(value, text);
            });
        }
        Value::Array(elements) => write_list(text, ['[', ']'], elements, write),
        Value::Number(number) => text.push_str(&canonical_number(number)),
        Value::String(string) => write_string(string, text),
        Value::Bool(_) | Value::Null => text.push_str(&value.to_string()),
    }
}

fn write_list<T>(
    text: &mut String,
    [open, close]: [char; 2],
    items: impl IntoIterator<Item = T>,
    write_item: impl Fn(T, &mut String),
) {
    text.push(open);
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        write_item(item, text);
    }
    text.push(close);
}

fn write_string(string: &str, text: &mut String) {
    text.push_str(&Value::from(string).to_string());
}

/// Whole numbers without fraction and exponent, if a float represents them exactly.
fn canonical_number(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() <= MAX_WHOLE_FLOAT => {
            // The sum turns -0 into 0.
            format!("{:.0}", float + 0.0)
        }
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(body: &str) -> String {
        String::from_utf8(canonical_json(body.as_bytes())).unwrap()
    }

    #[test]
    fn the_same_json_has_one_form() {
        let form = r#"{"a":[1,{"x":null,"y":true}],"b":"é/😀\n"}"#;
        for body in [
            form,
            " {\"b\" : \"é/😀\\n\",\r\n\t\"a\":[ 1.0, {\"y\":true, \"x\":null} ] }\n",
            r#"{"\u0061":[1e0,{"x":null,"y":true}],"b":"\u00e9\/\uD83D\uDE00\u000a"}"#,
            "\u{feff}{\"b\":\"é/😀\\n\",\"a\":[10E-1,{\"x\":null,\"y\":true}]}",
        ] {
            assert_eq!(canonical(body), form, "{body}");
        }
        assert_eq!(canonical("[-0.0,-0,0,1e2,1.50]"), "[0,0,0,100,1.5]");
        assert_eq!(canonical("1e30"), canonical("10.00E+29"));
    }

    #[test]
    fn different_json_has_different_forms() {
        let bodies = [
            "[1,2]",
            "[2,1]",
            "[12]",
            "{}",
            "[]",
            "\"\"",
            "\"1\"",
            "1",
            "1.5",
            "9007199254740992",
            "9007199254740993",
            "true",
            "null",
            r#"{"a":null}"#,
            r#"{"a":"b","c":"d"}"#,
            r#"{"a":"b\",\"c\":\"d"}"#,
            "\"é\"",
            "\"e\u{301}\"",
        ];
        let forms: std::collections::BTreeSet<String> = bodies.iter().map(|body| canonical(body)).collect();
        assert_eq!(forms.len(), bodies.len(), "{forms:?}");
    }

    #[test]
    fn other_bodies_stay_as_they_are() {
        for body in ["", "{", " {} x", "\"\\ud800\"", &"[".repeat(1_000)] {
            assert_eq!(canonical(body), body);
        }
    }
}
