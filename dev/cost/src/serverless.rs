//! What this service costs: `template.yaml`, Neon, Upstash.

use anyhow::{Context as _, Result};
use stack::template::Template;

use super::bill::Bill;
use super::figures::{Figure, Figures};
use super::load::{GB, GIB, HOURS_A_MONTH, Load, STATUS, SWEEP, SWEEPS_A_MONTH, TOKEN_BYTES, Wait};
use super::prices::Prices;

/// The least that Neon runs, a quarter of a unit.
const NEON_UNITS: f64 = 0.25;
/// For how much of the time Neon is awake while nobody asks for anything: it falls asleep after five minutes, and a sweep wakes it every
/// 55 (`functions/sweeper/src/quiet.rs`), which takes some seconds more.
const NEON_AWAKE_IDLE: f64 = 5.2 / 55.0;

/// How often Lambda asks the queue while there is nothing in it: five pollers that wait for twenty seconds each. AWS says that
/// much of queues without an order, and of ours nothing.
const EMPTY_RECEIVES_A_MONTH: f64 = HOURS_A_MONTH * 3_600.0 / 20.0 * 5.0;

/// Writes of an execution with an `Idempotency-Key`: its record is begun and completed.
const WRITES_OF_A_KEY: f64 = 2.0;
/// Writes of an answered message, its job record; and of a batch, the count of the hour.
const WRITES_OF_AN_ANSWER: f64 = 1.0;
const WRITES_OF_A_BATCH: f64 = 1.0;
/// The ledger of Stripe's events is asked and written.
const READS_OF_AN_EVENT: f64 = 1.0;
const WRITES_OF_AN_EVENT: f64 = 1.0;
/// What a record takes in DynamoDB, its overhead of 100 bytes included. Each is under the kilobyte of one write unit.
const RECORD_BYTES: f64 = 500.0;
/// A record lives for a day, and DynamoDB deletes it within some days.
const RECORD_DAYS: f64 = 3.0;

/// What Lambda itself writes to the log of each invocation, in the format of the template.
pub(super) const PLATFORM_LINES: [&str; 2] = [
    r#"{"time":"2026-11-25T12:00:00.000Z","type":"platform.start","record":{"requestId":"6d67e385-053d-4622-a56f-b25bcef23083","version":"$LATEST"}}"#,
    r#"{"time":"2026-11-25T12:00:00.000Z","type":"platform.report","record":{"requestId":"6d67e385-053d-4622-a56f-b25bcef23083","metrics":{"durationMs":12.345,"billedDurationMs":13,"memorySizeMB":256,"maxMemoryUsedMB":33},"status":"success"}}"#,
];
/// What API Gateway writes for each request, in the format of the template.
pub(super) const ACCESS_LINE: &str = r#"{"requestId":"aBcDeFgHiJkLmNo=","time":"1795600000000","ip":"203.0.113.45", "method":"GET","path":"/api/chatroom/message/0199c0de-0000-7000-8000-000000000000/status","route":"ANY /api/chatroom/{proxy+}", "status":"200","bytes":"900","latencyMs":"25", "functionMs":"24","functionStatus":"200", "error":"-"}"#;
/// What `CloudWatch` adds to each line.
const LINE_OVERHEAD: f64 = 26.0;
/// What is left of logs when they are stored, as AWS reckons in its examples.
const COMPRESSED: f64 = 0.15;

/// What a fixed plan at Upstash carries a month, beyond which it is none.
const FIXED_PLAN_GB: f64 = 50.0;
/// What the template says that is paid for whether it is used or not.
pub(super) struct Deployed {
    /// Metrics that alarms look at.
    alarm_metrics: f64,
    /// How long logs are kept, in months.
    log_months: f64,
}

impl Deployed {
    pub(super) fn read(template: &Template) -> Result<Self> {
        let days = template.parameter("LogRetentionDays").context("the template keeps logs for ever")?;
        #[expect(clippy::cast_precision_loss, reason = "there are not that many")]
        Ok(Self { alarm_metrics: template.alarm_metrics() as f64, log_months: days as f64 / 30.4 })
    }
}

/// The bill for `load`.
pub(super) fn bill(load: &Load, figures: &Figures, prices: &Prices, deployed: &Deployed) -> Result<Bill> {
    let mut bill = Bill::default();
    let (status, worker) = (figures.get(STATUS)?, figures.get(load.worker())?);
    let (messages, batches) = (load.messages, load.messages / f64::from(load.batch));
    let mut requests = Vec::new();
    for (name, count) in load.requests() {
        requests.push((figures.get(name)?, count));
    }
    let wait = Wait::until(load.answered_after(figures)?);
    let all: Vec<(&Figure, f64)> = requests
        .iter()
        .copied()
        .chain([(status, load.waits()), (worker, batches), (figures.get(SWEEP)?, SWEEPS_A_MONTH)])
        .collect();
    let sum = |of: &dyn Fn(&Figure) -> f64| all.iter().map(|(figure, count)| of(figure) * count).sum::<f64>();

    let http = load.http_requests();
    bill.add(prices, "api_request", "", http)?;
    bill.add(prices, "lambda_request", "", sum(&|_| 1.0))?;
    let time = |figure: &Figure, ms: f64| ms / 1e3 * gb_of(figure);
    let answering = requests.iter().map(|(figure, count)| time(figure, figure.billed_ms) * count).sum();
    bill.add(prices, "lambda_gb_second", "answering requests", answering)?;
    let waiting = time(status, status.billed_ms + wait.seconds * 1e3) * load.waits();
    bill.add(prices, "lambda_gb_second", "waiting for answers", waiting)?;
    let asking = time(worker, worker.billed_ms + load.gemini_seconds * 1e3) * batches;
    bill.add(prices, "lambda_gb_second", "asking Gemini", asking)?;
    let sweep = figures.get(SWEEP)?;
    bill.add(prices, "lambda_gb_second", "sweeping", time(sweep, sweep.billed_ms) * SWEEPS_A_MONTH)?;
    let starting = |figure: &Figure| time(figure, figure.ready_ms + figure.first_ms - figure.billed_ms);
    let warm = all.iter().filter(|(figure, _)| figure.function != sweep.function);
    let cold = warm.map(|(figure, count)| starting(figure).max(0.0) * count).sum::<f64>() * load.cold;
    bill.add(prices, "lambda_gb_second", "starting", cold)?;

    // One to send, one to receive a batch, one to delete it; the dead-letter queue is asked by each sweep.
    let queue = messages + 2.0 * batches + EMPTY_RECEIVES_A_MONTH + SWEEPS_A_MONTH;
    bill.add(prices, "sqs_fifo_request", "", queue)?;

    let events = messages * load.webhooks;
    let writes = messages * (WRITES_OF_A_KEY + WRITES_OF_AN_ANSWER)
        + batches * WRITES_OF_A_BATCH
        + events * WRITES_OF_AN_EVENT;
    bill.add(prices, "dynamodb_write", "", writes)?;
    bill.add(prices, "dynamodb_read", "", events * READS_OF_AN_EVENT)?;
    let records = messages * 2.0 / 30.4 * RECORD_DAYS * RECORD_BYTES / GB;
    bill.add(prices, "dynamodb_gb_month", "", records)?;
    bill.add(prices, "dynamodb_recovery_gb_month", "", records)?;

    let lines = |texts: &[&str]| texts.iter().map(|text| bytes_of(text) + LINE_OVERHEAD).sum::<f64>();
    let own = sum(&|figure| figure.log_bytes + figure.log_lines * LINE_OVERHEAD);
    let logs = (own + sum(&|_| lines(&PLATFORM_LINES)) + http * lines(&[ACCESS_LINE])) / GB;
    bill.add(prices, "log_gb", "", logs)?;
    bill.add(prices, "log_gb_month", "", logs * COMPRESSED * deployed.log_months)?;
    bill.add(prices, "alarm_metric", "", deployed.alarm_metrics)?;
    bill.add(prices, "schedule", "", SWEEPS_A_MONTH)?;
    bill.add(prices, "secret", "", 1.0)?;
    let answers = requests.iter().map(|(figure, count)| figure.response_bytes * count).sum::<f64>();
    let out = answers + status.response_bytes * load.waits() + messages * load.prompt_tokens * TOKEN_BYTES;
    bill.add(prices, "data_out_gb", "", out / GIB)?;

    let awake = if messages > 0.0 { 1.0 } else { NEON_AWAKE_IDLE };
    bill.add(prices, "neon_cu_hour", "", NEON_UNITS * HOURS_A_MONTH * awake)?;
    bill.add(prices, "neon_gb_month", "one month's messages", messages * load.stored_bytes / GB)?;
    let (commands, traffic) = (sum(&|figure| figure.redis_commands), sum(&|figure| figure.redis_bytes) / GB);
    let fixed = prices.get("redis_command")?.of(commands) > prices.get("redis_fixed")?.dollars
        && traffic < FIXED_PLAN_GB;
    bill.add(prices, "redis_command", "", if fixed { 0.0 } else { commands })?;
    bill.add(prices, "redis_fixed", "", f64::from(u8::from(fixed)))?;
    Ok(bill)
}

/// Memory of a function, in the gigabytes of Lambda.
#[expect(clippy::cast_precision_loss, reason = "memory is not that large")]
fn gb_of(figure: &Figure) -> f64 {
    figure.memory_mb as f64 / 1024.0
}

#[expect(clippy::cast_precision_loss, reason = "a line is not that long")]
fn bytes_of(text: &str) -> f64 {
    text.len() as f64
}
