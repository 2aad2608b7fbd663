//! What a function's answer says of its batch, with `ReportBatchItemFailures`.
//!
//! Source: "Reporting batch item failures" in the Lambda developer guide.

use std::collections::BTreeSet;

use serde_json::Value;

/// The messages that failed, or why all of them count as failed.
///
/// No answer, no list or an empty list means that none failed. An answer that cannot be read, and an entry that names
/// no message of the batch, mean that all did.
pub(super) fn failed(answer: &str, batch: &[&str]) -> Result<BTreeSet<String>, String> {
    if answer.trim().is_empty() {
        return Ok(BTreeSet::new());
    }
    let answer: Value =
        serde_json::from_str(answer).map_err(|error| format!("the answer is not JSON: {error}"))?;
    let items = match (&answer, &answer["batchItemFailures"]) {
        (Value::Null, _) | (Value::Object(_), Value::Null) => return Ok(BTreeSet::new()),
        (Value::Object(_), Value::Array(items)) => items,
        _ => return Err("the answer has no list of batchItemFailures".to_owned()),
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
    fn these_answers_mean_that_all_went_well() {
        for answer in ["", "null", "{}", r#"{"batchItemFailures":null}"#, r#"{"batchItemFailures":[]}"#] {
            assert_eq!(failed(answer, &["a", "b"]), Ok(BTreeSet::new()), "{answer}");
        }
        // A misspelt key is no list: everything is deleted, there as here.
        assert_eq!(failed(r#"{"batchItemFailure":[{"itemIdentifier":"a"}]}"#, &["a"]), Ok(BTreeSet::new()));
    }

    #[test]
    fn only_the_named_ones_failed() {
        let answer = r#"{"batchItemFailures":[{"itemIdentifier":"b"}]}"#;
        assert_eq!(failed(answer, &["a", "b"]), Ok(["b".to_owned()].into()));
    }

    #[test]
    fn these_answers_mean_that_all_failed() {
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
