//! Reads the definitions of messages in `requests.proto`.

use std::collections::HashMap;
use std::sync::LazyLock;

pub struct Field {
    pub name: &'static str,
    pub kind: &'static str,
    pub repeated: bool,
}

/// The fields of each message, and an empty list for each enum.
pub static TYPES: LazyLock<HashMap<&str, Vec<Field>>> = LazyLock::new(|| {
    let definitions = include_str!("requests.proto").split('}').filter_map(|text| text.split_once('{'));
    let read = |(head, fields): (&'static str, &'static str)| {
        let name = head.split_whitespace().next_back().unwrap_or_default();
        (name, fields.split(';').filter_map(field).collect())
    };
    definitions.map(read).collect()
});

fn field(text: &'static str) -> Option<Field> {
    let text = text.trim();
    let single = text.strip_prefix("repeated ");
    let (kind, name) = single.unwrap_or(text).split_once(' ')?;
    Some(Field { name, kind, repeated: single.is_some() })
}
