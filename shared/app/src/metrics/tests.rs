use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::MessageId;
use domain::message::ErrorCode;
use serde_json::{Value, json};

use super::*;
use crate::Clock;

/// The line of `event`, without its timestamp.
fn line(event: &MetricEvent<'_>) -> Value {
    let text = super::line::format("ai-chat-test", event).unwrap();
    assert_eq!(text.split_inclusive(|byte| *byte == b'\n').count(), 1);
    let mut line: Value = serde_json::from_slice(&text).unwrap();
    assert!(line["_aws"].as_object_mut().unwrap().remove("Timestamp").unwrap().is_u64());
    line
}

fn one_of_each() -> Vec<MetricEvent<'static>> {
    let message = MessageId::new(Clock::default().now());
    let second = Duration::from_secs(1);
    let mut events = vec![
        MetricEvent::MessageAccepted { message },
        MetricEvent::MessageAnswered {
            message,
            queue_wait: Some(second),
            first_text: Some(second),
            answer_time: second,
        },
        MetricEvent::ModelCalled(ModelUse {
            model: "gemini",
            prompt_tokens: 7,
            response_tokens: 3,
            cost_micro_usd: 13,
        }),
        MetricEvent::RateLimited,
        MetricEvent::BreakerRefused,
        MetricEvent::ModelChanged,
        MetricEvent::EnqueueFailed,
        MetricEvent::CodeSent,
        MetricEvent::CodeVerified,
        MetricEvent::LoginRefused,
        MetricEvent::StreamOpened,
        MetricEvent::StreamResumed,
        MetricEvent::StreamReplaced,
    ];
    events.extend(ErrorCode::ALL.iter().map(|code| MetricEvent::MessageFailed { message, code: *code }));
    events.extend(QuotaReason::ALL.map(MetricEvent::QuotaRefused));
    events.extend(WebhookOutcome::ALL.map(MetricEvent::WebhookReceived));
    events
}

#[test]
fn line_of_an_answer_has_its_times() {
    let message = MessageId::new(Clock::default().now());
    let answered = MetricEvent::MessageAnswered {
        message,
        queue_wait: None,
        first_text: Some(Duration::from_millis(640)),
        answer_time: Duration::from_millis(1_500),
    };
    let expected = json!({
        "_aws": { "CloudWatchMetrics": [{
            "Namespace": "ai-chat-test",
            "Dimensions": [[]],
            "Metrics": [
                { "Name": "MessagesAnswered", "Unit": "Count" },
                { "Name": "FirstText", "Unit": "Milliseconds" },
                { "Name": "AnswerTime", "Unit": "Milliseconds" },
            ],
        }] },
        "MessagesAnswered": 1, "FirstText": 640, "AnswerTime": 1_500, "message.id": message.to_string(),
    });
    assert_eq!(line(&answered), expected);
}

#[test]
fn failures_are_split_by_cause_and_by_error_code() {
    let message = MessageId::new(Clock::default().now());
    for (code, cause) in [(ErrorCode::GeminiKeyRefused, "service"), (ErrorCode::BlockedBySafety, "user")] {
        let line = line(&MetricEvent::MessageFailed { message, code });
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([["Cause"], ["ErrorCode"]]));
        assert_eq!((&line["Cause"], &line["ErrorCode"]), (&json!(cause), &json!(code.as_str())));
    }
}

#[test]
fn every_metric_is_written_with_its_dimensions() {
    let mut written = BTreeSet::new();
    for event in one_of_each() {
        let line = line(&event);
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        for set in directive["Dimensions"].as_array().unwrap() {
            let names = set.as_array().unwrap();
            assert!(names.iter().all(|name| line[name.as_str().unwrap()].is_string()), "{line}");
        }
        for metric in directive["Metrics"].as_array().unwrap() {
            let name = metric["Name"].as_str().unwrap();
            let declared = METRICS.iter().find(|metric| metric.name == name).unwrap();
            let by: Vec<Vec<&str>> =
                declared.by.iter().map(|one| one.map(Dimension::name).into_iter().collect()).collect();
            assert_eq!(directive["Dimensions"], json!(by), "{name}");
            assert!(line[name].is_number(), "{line}");
            written.insert(name.to_owned());
        }
    }
    let declared: BTreeSet<String> = METRICS.iter().map(|metric| metric.name.to_owned()).collect();
    assert_eq!((written, declared.len()), (declared, METRICS.len()));
}

#[test]
fn number_of_series_is_bounded() {
    let series: usize = METRICS.iter().map(|metric| metric.series()).sum();
    assert!(series <= MAX_SERIES, "{series} series, each costs up to 0.30 dollars a month");
}

#[test]
fn nothing_is_written_without_a_namespace() {
    for (namespace, lines) in [(None, 0), (Some("ai-chat".to_owned()), 1)] {
        let written = Arc::new(Mutex::new(0));
        let counted = written.clone();
        let metrics = Metrics::new(namespace, Box::new(move |_| *counted.lock().unwrap() += 1));
        metrics.emit(&MetricEvent::CodeSent);
        assert_eq!(*written.lock().unwrap(), lines);
    }
}
