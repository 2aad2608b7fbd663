//! Parses a function's response to a batch, by the rules of `ReportBatchItemFailures`.
//!
//! Source: "Reporting batch item failures" in the Lambda developer guide.

use std::collections::BTreeSet;

use serde_json::Value;

/// The messages that failed, or the reason why all of them count as failed.
///
/// An empty response, no list or an empty list: none failed. Invalid JSON, or an entry that names
/// no message of the batch: all failed.
pub(super) fn failed(response: &str, batch: &[&str]) -> Result<BTreeSet<String>, String> {
    if response.trim().is_empty() {
        return Ok(BTreeSet::new());
    }
    let response: Value =
        serde_json::from_str(response).map_err(|error| format!("the response is not JSON: {error}"))?;
    let items = match (&response, &response["batchItemFailures"]) {
        (Value::Null, _) | (Value::Object(_), Value::Null) => return Ok(BTreeSet::new()),
        (Value::Object(_), Value::Array(items)) => items,
        _ => return Err("the response has no list of batchItemFailures".to_owned()),
    };
    let name = |item: &Value| match item["itemIdentifier"].as_str() {
        Some(id) if batch.contains(&id) => Ok(id.to_owned()),
        Some(id) => Err(format!("itemIdentifier {id:?} is not in the batch")),
        None => Err("an entry of batchItemFailures has no itemIdentifier".to_owned()),
    };
    items.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_messages_follow_the_rules_of_lambda() {
        let none = || Ok(BTreeSet::new());
        let entry = |entry: &str| format!(r#"{{"batchItemFailures":[{entry}]}}"#);
        let all_failed = || Err(());
        for (response, expected) in [
            (String::new(), none()),
            ("null".to_owned(), none()),
            ("{}".to_owned(), none()),
            (r#"{"batchItemFailures":null}"#.to_owned(), none()),
            (entry(""), none()),
            // As in Lambda, a misspelt key is not a list, so all messages are deleted.
            (r#"{"batchItemFailure":[{"itemIdentifier":"a"}]}"#.to_owned(), none()),
            (entry(r#"{"itemIdentifier":"b"}"#), Ok(["b".to_owned()].into())),
            (entry(r#"{"itemIdentifier":""}"#), all_failed()),
            (entry(r#"{"itemIdentifier":null}"#), all_failed()),
            (entry(r#"{"id":"a"}"#), all_failed()),
            (entry(r#"{"itemIdentifier":"x"}"#), all_failed()),
            ("not JSON".to_owned(), all_failed()),
            (r#"{"batchItemFailures":"a"}"#.to_owned(), all_failed()),
        ] {
            assert_eq!(failed(&response, &["a", "b"]).map_err(drop), expected, "{response}");
        }
    }
}
