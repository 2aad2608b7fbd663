//! Which entries belong to a request, a message or a trace, over all functions.

use std::collections::BTreeSet;

use super::entry::Entry;

const MESSAGES: [&str; 2] = ["message.id", "generation.id"];
const REQUESTS: [&str; 2] = ["request_id", "answer.request_id"];

/// The entries that name an id, those about the messages in them, and the other entries of their requests.
/// A client may send many requests under one id or in one trace, so an entry about another message
/// belongs to it only if it names the id itself.
#[derive(Debug)]
pub(super) struct Related {
    id: String,
    messages: BTreeSet<String>,
    requests: BTreeSet<String>,
}

impl Related {
    pub(super) fn new(id: &str) -> Self {
        Self { id: id.to_owned(), messages: BTreeSet::new(), requests: BTreeSet::new() }
    }

    /// Learns which messages and requests belong to the id from more entries.
    pub(super) fn learn(&mut self, entries: &[Entry]) {
        for entry in entries.iter().filter(|entry| entry.names_id(&self.id)) {
            self.messages.extend(entry.values(&MESSAGES).map(str::to_owned));
        }
        for entry in entries {
            if entry.names_id(&self.id) || self.is_about_a_message(entry) {
                self.requests.extend(entry.values(&REQUESTS).map(str::to_owned));
            }
        }
    }

    pub(super) fn admits(&self, entry: &Entry) -> bool {
        let is_of_a_request = || entry.values(&REQUESTS).any(|request| self.requests.contains(request));
        let is_about_another = || entry.values(&MESSAGES).next().is_some();
        entry.names_id(&self.id)
            || self.is_about_a_message(entry)
            || (is_of_a_request() && !is_about_another())
    }

    fn is_about_a_message(&self, entry: &Entry) -> bool {
        entry.values(&MESSAGES).any(|message| self.messages.contains(message))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn entry(fields: &Value) -> Entry {
        Entry::parse("worker", fields.to_string(), None)
    }

    /// The entries, of those of two messages, that belong to `id`: by their texts.
    fn found(id: &str) -> Vec<String> {
        let request = |request: &str, client: &str| json!([{ "request_id": request, "client_request_id": client, "trace_id": "t-1" }]);
        let entries = [
            json!({ "message": "accepted", "message.id": "m-1", "spans": request("r-1", "c-1") }),
            json!({ "message": "answered", "spans": request("r-1", "c-1") }),
            json!({ "message": "accepted 2", "message.id": "m-2", "spans": request("r-2", "c-2") }),
            json!({ "message": "answered 2", "spans": request("r-2", "c-2") }),
            json!({ "message": "resent", "generation.id": "m-1", "spans": [{ "service": "sweeper" }] }),
            json!({ "message": "claimed", "spans": [{ "message.id": "m-1", "request_id": "r-1", "trace_id": "t-1" }] }),
            json!({ "message": "streamed", "spans": [{ "request_id": "r-3" }, { "message.id": "m-1", "answer.request_id": "r-1" }] }),
            json!({ "message": "answered 3", "spans": request("r-3", "c-3") }),
        ]
        .each_ref()
        .map(entry);
        let mut related = Related::new(id);
        related.learn(&entries);
        let admitted = entries.iter().filter(|entry| related.admits(entry));
        admitted.filter_map(|entry| entry.values(&["message"]).next()).map(str::to_owned).collect()
    }

    #[test]
    fn ids_of_request_and_message_find_the_whole_path() {
        for id in ["m-1", "r-1", "c-1"] {
            assert_eq!(
                found(id),
                ["accepted", "answered", "resent", "claimed", "streamed", "answered 3"],
                "{id}"
            );
        }
    }

    #[test]
    fn trace_finds_all_its_requests_and_their_messages() {
        assert_eq!(found("t-1").len(), 8);
    }

    #[test]
    fn unknown_id_finds_nothing() {
        assert!(found("m-3").is_empty() && found("accepted by nobody").is_empty());
    }
}
