//! The bill of this service: AWS as `template.yaml` deploys it, Neon and Upstash.

use anyhow::{Context as _, Result};
use stack::template::Template;

use super::estimate::Estimate;
use super::figures::Figures;
use super::prices::Prices;
use super::workload::{
    COLD_START_RATE, GB, HOURS_PER_MONTH, Invocations, SECONDS_PER_MONTH, STORED_BYTES, SWEEPS_PER_MONTH,
    Trigger, WEBHOOK, Workload, count_of, http_total, redis_commands, total,
};

/// The smallest compute size of Neon, in compute units.
const NEON_UNITS: f64 = 0.25;
/// Share of the time that Neon runs without requests. It suspends after five minutes, and the
/// sweeper wakes it every 55 minutes (`functions/sweeper/src/idle.rs`) for some seconds.
const NEON_IDLE_SHARE: f64 = 5.2 / 55.0;

/// Receives of an empty queue: five pollers of Lambda that each wait 20 seconds. AWS documents that
/// number for standard queues and none for FIFO queues.
const EMPTY_RECEIVES_PER_MONTH: f64 = SECONDS_PER_MONTH / 20.0 * 5.0;

/// DynamoDB writes of one idempotency key: begin and complete.
const WRITES_PER_KEY: f64 = 2.0;
/// DynamoDB writes of the worker: a job record per message, and the count of the hour per batch.
const WRITES_PER_ANSWER: f64 = 1.0;
const WRITES_PER_BATCH: f64 = 1.0;
/// DynamoDB reads and writes of one Stripe event.
const READS_PER_EVENT: f64 = 1.0;
const WRITES_PER_EVENT: f64 = 1.0;
/// Size of a DynamoDB item with its overhead of 100 bytes. Each fits in one write unit of 1 KB.
const RECORD_BYTES: f64 = 500.0;
/// An item expires after a day, and DynamoDB deletes it within a few days after that.
const RECORD_DAYS: f64 = 3.0;
const DAYS_PER_MONTH: f64 = 30.4;

/// What Lambda logs for each invocation, in the log format of the template.
pub(super) const PLATFORM_LINES: [&str; 2] = [
    r#"{"time":"2026-11-25T12:00:00.000Z","type":"platform.start","record":{"requestId":"6d67e385-053d-4622-a56f-b25bcef23083","version":"$LATEST"}}"#,
    r#"{"time":"2026-11-25T12:00:00.000Z","type":"platform.report","record":{"requestId":"6d67e385-053d-4622-a56f-b25bcef23083","metrics":{"durationMs":12.345,"billedDurationMs":13,"memorySizeMB":256,"maxMemoryUsedMB":33},"status":"success"}}"#,
];
/// What API Gateway logs for each request, in the access log format of the template.
pub(super) const ACCESS_LINE: &str = r#"{"requestId":"aBcDeFgHiJkLmNo=","time":"1795600000000","ip":"203.0.113.45", "method":"GET","path":"/api/chatroom/message/0199c0de-0000-7000-8000-000000000000/status","route":"ANY /api/chatroom/{proxy+}", "status":"200","bytes":"900","latencyMs":25, "functionMs":"24","functionStatus":"200", "error":"-"}"#;
/// Series of custom metrics with a value in each hour: messages (3), their times (3), tokens and cost of
/// two models and in total (9), streams (2), codes (2), webhooks, and the latency of the API. AWS charges by
/// the hour in which a series has a value, so those of failures and refusals cost close to nothing.
const SERIES: f64 = 21.0;
/// Bytes that `CloudWatch` adds to each line.
const LINE_OVERHEAD: f64 = 26.0;
/// Size of stored logs after compression, as in AWS's pricing examples.
const LOG_COMPRESSION: f64 = 0.15;

/// Monthly traffic that a fixed plan of Upstash includes.
const FIXED_PLAN_GB: f64 = 50.0;

#[expect(clippy::cast_precision_loss, reason = "small counts")]
pub(super) fn estimate(
    workload: &Workload,
    figures: &Figures,
    prices: &Prices,
    template: &Template,
) -> Result<Estimate> {
    let invocations = workload.invocations(figures)?;
    let (messages, batches) = (workload.messages, workload.batches());
    let sum = |of_one: &dyn Fn(&Invocations) -> f64| total(&invocations, of_one);
    let duration = |trigger| sum(&|one| if one.trigger == trigger { one.gb_seconds() } else { 0.0 });
    // The sweeper runs every minute, so its environment stays warm.
    let is_cold = |one: &Invocations| one.trigger != Trigger::Schedule;
    let cold = sum(&|one| if is_cold(one) { one.cold_start_gb_seconds() } else { 0.0 });

    let streams = sum(&|one| if one.trigger == Trigger::Stream { 1.0 } else { 0.0 });
    let http = http_total(&invocations, |_| 1.0);
    let events = count_of(&invocations, WEBHOOK);
    let writes = messages * (WRITES_PER_KEY + WRITES_PER_ANSWER)
        + batches * WRITES_PER_BATCH
        + events * WRITES_PER_EVENT;
    let records = messages * 2.0 / DAYS_PER_MONTH * RECORD_DAYS * RECORD_BYTES / GB;
    // One send per message, one receive and one delete per batch, and one delete for each message that
    // is answered before the last of its batch. Each sweep receives from the dead-letter queue.
    let queue = messages + 2.0 * batches + (messages - batches) + EMPTY_RECEIVES_PER_MONTH + SWEEPS_PER_MONTH;

    let days = template.parameter("LogRetentionDays").context("template.yaml has no LogRetentionDays")?;
    let log_months = days as f64 / DAYS_PER_MONTH;
    let lines = |lines: &[&str]| lines.iter().map(|line| line.len() as f64 + LINE_OVERHEAD).sum::<f64>();
    let own = |one: &Invocations| one.figures.log_bytes + one.figures.log_lines * LINE_OVERHEAD;
    let logs = (sum(&own) + sum(&|_| lines(&PLATFORM_LINES)) + http * lines(&[ACCESS_LINE])) / GB;

    let neon_share = if messages > 0.0 { 1.0 } else { NEON_IDLE_SHARE };
    let commands = sum(&redis_commands);
    let redis_gb = sum(&|one| one.figures.redis_bytes) / GB;
    let by_command = prices.get("redis_command")?.of(commands);
    let is_fixed_plan = by_command > prices.get("redis_fixed")?.dollars && redis_gb < FIXED_PLAN_GB;
    let (redis_commands, redis_plans) = if is_fixed_plan { (0.0, 1.0) } else { (commands, 0.0) };

    let usage = [
        ("api_request", "", http - streams),
        ("rest_api_request", "", streams),
        ("lambda_request", "", sum(&|_| 1.0)),
        ("lambda_gb_second", "requests", duration(Trigger::Http)),
        ("lambda_gb_second", "long polls", duration(Trigger::LongPoll)),
        ("lambda_gb_second", "streams", duration(Trigger::Stream)),
        ("lambda_gb_second", "worker, waiting for Gemini", duration(Trigger::Queue)),
        ("lambda_gb_second", "sweeper", duration(Trigger::Schedule)),
        ("lambda_gb_second", "cold starts", cold * COLD_START_RATE),
        ("sqs_fifo_request", "", queue),
        ("dynamodb_write", "", writes),
        ("dynamodb_read", "", events * READS_PER_EVENT),
        ("dynamodb_gb_month", "", records),
        ("dynamodb_recovery_gb_month", "", records),
        ("log_gb", "", logs),
        ("log_gb_month", "", logs * LOG_COMPRESSION * log_months),
        ("alarm_metric", "", template.alarm_metrics() as f64),
        ("composite_alarm", "", template.count_of("AWS::CloudWatch::CompositeAlarm") as f64),
        ("custom_metric", "", if messages > 0.0 { SERIES } else { 0.0 }),
        ("dashboard", "", template.count_of("AWS::CloudWatch::Dashboard") as f64),
        ("schedule", "", SWEEPS_PER_MONTH),
        ("secret", "", 1.0),
        ("data_out_gb", "", workload.gib_out(&invocations)),
        ("neon_cu_hour", "", NEON_UNITS * HOURS_PER_MONTH * neon_share),
        ("neon_gb_month", "one month of messages", messages * STORED_BYTES / GB),
        ("redis_command", "", redis_commands),
        ("redis_fixed", "", redis_plans),
    ];
    Estimate::new(prices, &usage)
}
