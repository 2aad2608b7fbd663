//! Newline-delimited JSON.

use serde::Serialize;
use serde_json::Value;

/// JSON objects, one a line.
#[derive(Debug, Default)]
pub(super) struct Lines(Vec<u8>);

#[derive(Serialize)]
struct Line {
    r#type: &'static str,
    #[serde(flatten)]
    object: Value,
}

impl Lines {
    /// Appends `object` with a field `type`.
    pub(super) fn add(&mut self, r#type: &'static str, object: Value) {
        // Writing to memory fails only for keys that are no strings, and there are none.
        if serde_json::to_writer(&mut self.0, &Line { r#type, object }).is_ok() {
            self.0.push(b'\n');
        }
    }

    /// The number of bytes.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}
