//! `cargo dev trace`: the path of a message from its request to its answer.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use stack::StackFolder;

use super::entry::Entry;
use super::related::Related;
use super::{Options, open_new};

/// The ids that the first line shows, and their names.
const IDS: [(&str, &[&str]); 5] = [
    ("message", &["message.id"]),
    ("generation", &["generation.id"]),
    ("trace", &["trace_id", "answer.trace_id"]),
    ("request", &["request_id"]),
    ("client's request", &["client_request_id"]),
];

/// Prints each step of the request, message or trace `id`: when, where, what, and how long it took.
pub fn trace(folder: &StackFolder, id: &str) -> Result<()> {
    let mut files = Vec::new();
    open_new(folder, &Options::default(), &mut files)?;
    let mut entries = Vec::new();
    for file in &mut files {
        entries.extend(file.read_entries(true)?);
    }
    let path = path(id, entries);
    if path.is_empty() {
        bail!("no log of the local stack names {id}");
    }
    print!("{path}");
    Ok(())
}

/// The lines to print. Empty if no entry belongs to `id`.
fn path(id: &str, mut entries: Vec<Entry>) -> String {
    let mut related = Related::new(id);
    related.learn(&entries);
    // A metric is no step.
    entries.retain(|entry| entry.level.is_some() && related.admits(entry));
    entries.sort_by_key(|entry| entry.time);
    let Some(start) = entries.first().map(|entry| entry.time) else { return String::new() };
    let mut lines = vec![ids(&entries)];
    lines.extend(entries.iter().map(|entry| entry.step(start)));
    lines.join("\n") + "\n"
}

/// The ids of the entries, each with its name.
fn ids(entries: &[Entry]) -> String {
    let mut found = Vec::new();
    for (name, fields) in IDS {
        let mut order = BTreeMap::new();
        let values = entries.iter().flat_map(|entry| entry.values(fields));
        for value in values {
            let place = order.len();
            order.entry(value).or_insert(place);
        }
        let mut values: Vec<_> = order.into_iter().collect();
        values.sort_by_key(|(_, place)| *place);
        if !values.is_empty() {
            let values: Vec<&str> = values.into_iter().map(|(value, _)| value).collect();
            found.push(format!("{name} {}", values.join(", ")));
        }
    }
    found.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_have_their_distance_from_the_first_and_their_fields() {
        let request = r#""spans":[{"service":"chatroom"},{"request_id":"r-1","trace_id":"t-1"}]"#;
        let entry = |source: &str, line: String| Entry::parse(source, line, None);
        let entries = vec![
            entry("worker", r#"{"timestamp":"2026-11-26T13:00:00.250Z","level":"INFO","message":"claimed","attempt":1,"spans":[{"message.id":"m-1","request_id":"r-1","trace_id":"t-1"}]}"#.to_owned()),
            entry("chatroom", format!(r#"{{"timestamp":"2026-11-26T13:00:00Z","level":"INFO","message":"accepted","message.id":"m-1",{request}}}"#)),
            entry("chatroom", format!(r#"{{"timestamp":"2026-11-26T13:00:01.5Z","level":"INFO","message":"answered","status":201,{request}}}"#)),
            entry("chatroom", r#"{"_aws":{},"message.id":"m-1"}"#.to_owned()),
        ];
        assert_eq!(
            path("m-1", entries),
            "message m-1\ntrace t-1\nrequest r-1\n\
             11-26 13:00:00.000    +0.000 s  chatroom     accepted\n\
             11-26 13:00:00.250    +0.250 s  worker       claimed  attempt=1\n\
             11-26 13:00:01.500    +1.500 s  chatroom     answered  status=201\n"
        );
    }

    #[test]
    fn nothing_is_printed_for_an_unknown_id() {
        assert_eq!(path("m-1", Vec::new()), "");
    }
}
