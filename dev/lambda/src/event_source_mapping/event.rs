//! The record of a message in Lambda's SQS event.
//!
//! Source: the SQS event of the Lambda developer guide, and `aws_lambda_events::sqs::SqsMessage`.

use serde_json::{Map, Value, json};

pub fn record(message: &Value, queue_url: &str, region: &str) -> Value {
    let mut path = queue_url.rsplit('/');
    let (queue, account) = (path.next().unwrap_or_default(), path.next().unwrap_or_default());
    json!({
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "md5OfBody": message["MD5OfBody"],
        "attributes": message.get("Attributes").cloned().unwrap_or_else(|| json!({})),
        "messageAttributes": attributes(&message["MessageAttributes"]),
        "eventSource": "aws:sqs",
        "eventSourceARN": format!("arn:aws:sqs:{region}:{account}:{queue}"),
        "awsRegion": region,
    })
}

/// Converts message attributes: in a record, the names of their fields begin in lower case.
fn attributes(given: &Value) -> Value {
    let attribute = |(name, value): (&String, &Value)| {
        let mut fields = Map::new();
        for (field, value) in value.as_object().into_iter().flatten() {
            let mut letters = field.chars();
            let first = letters.next().map(|letter| letter.to_ascii_lowercase());
            fields.insert(first.into_iter().chain(letters).collect(), value.clone());
        }
        fields.entry("stringListValues").or_insert_with(|| json!([]));
        fields.entry("binaryListValues").or_insert_with(|| json!([]));
        (name.clone(), Value::Object(fields))
    };
    Value::Object(given.as_object().into_iter().flatten().map(attribute).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_has_the_form_of_lambda() {
        let message = json!({
            "MessageId": "m", "ReceiptHandle": "r", "Body": "b", "MD5OfBody": "5",
            "Attributes": {"ApproximateReceiveCount": "2", "MessageGroupId": "room"},
            "MessageAttributes": {"trace": {"StringValue": "t", "DataType": "String"}},
        });
        let record = record(&message, "http://127.0.0.1:1/000000000000/local-messages.fifo", "eu-central-1");
        assert_eq!(record["eventSourceARN"], "arn:aws:sqs:eu-central-1:000000000000:local-messages.fifo");
        assert_eq!(record["attributes"]["ApproximateReceiveCount"], "2");
        assert_eq!(record["messageAttributes"]["trace"]["stringValue"], "t");
        assert_eq!(record["messageAttributes"]["trace"]["dataType"], "String");
    }
}
