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
    fn responses_without_a_list_mean_success() {
        for answer in ["", "null", "{}", r#"{"batchItemFailures":null}"#, r#"{"batchItemFailures":[]}"#] {
            assert_eq!(failed(answer, &["a", "b"]), Ok(BTreeSet::new()), "{answer}");
        }
        // As in Lambda, a misspelt key is not a list, so all messages are deleted.
        assert_eq!(failed(r#"{"batchItemFailure":[{"itemIdentifier":"a"}]}"#, &["a"]), Ok(BTreeSet::new()));
    }

    #[test]
    fn only_the_listed_messages_failed() {
        let answer = r#"{"batchItemFailures":[{"itemIdentifier":"b"}]}"#;
        assert_eq!(failed(answer, &["a", "b"]), Ok(["b".to_owned()].into()));
    }

    #[test]
    fn invalid_responses_mean_that_all_failed() {
        let bad_entries = [
            r#"{"itemIdentifier":""}"#,
            r#"{"itemIdentifier":null}"#,
            r#"{"id":"a"}"#,
            r#"{"itemIdentifier":"x"}"#,
        ];
        for entry in bad_entries {
            assert!(failed(&format!(r#"{{"batchItemFailures":[{entry}]}}"#), &["a"]).is_err(), "{entry}");
        }
        assert!(failed("not JSON", &["a"]).is_err());
        assert!(failed(r#"{"batchItemFailures":"a"}"#, &["a"]).is_err());
    }
}
