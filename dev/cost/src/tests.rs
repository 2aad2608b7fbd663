//! The arithmetic of the bills, and `docs/cost.md` against the report.

use std::fs;

use stack::checkout;
use stack::template::Template;

use super::estimate::Estimate;
use super::figures::Figures;
use super::nodejs::{CpuDemand, smallest_ec2_instance, smallest_fargate_task};
use super::prices::Prices;
use super::serverless::{self, ACCESS_LINE, PLATFORM_LINES};
use super::workload::{IDLE, SECONDS_PER_MONTH, STANDARD, SWEEPS_PER_MONTH, Wait, Workload, http_total};
use super::{DOCUMENT, report};

fn inputs() -> (Figures, Prices, Template) {
    let root = checkout();
    (Figures::read(&root).unwrap(), Prices::read(&root).unwrap(), Template::read(&root).unwrap())
}

/// The estimate when each request takes 1 GB for 10 ms.
fn estimate(workload: &Workload) -> Estimate {
    let (mut figures, prices, template) = inputs();
    for figures in figures.requests.values_mut() {
        (figures.memory_mb, figures.billed_ms) = (1024, 10.0);
        (figures.init_ms, figures.first_request_ms) = (4.0, 26.0);
        (figures.log_bytes, figures.log_lines, figures.response_bytes) = (300.0, 1.0, 1e3);
        (figures.redis_commands, figures.redis_bytes) = (5.0, 1e3);
    }
    serverless::estimate(workload, &figures, &prices, &template).unwrap()
}

/// The quantity of the line item whose name begins with `item`.
fn quantity(estimate: &Estimate, item: &str, purpose: &str) -> f64 {
    let mut lines = estimate.0.iter();
    let line = lines.find(|line| line.price.item.starts_with(item) && line.purpose == purpose);
    line.unwrap_or_else(|| panic!("no {item} {purpose}")).quantity
}

fn assert_close(one: f64, other: f64) {
    assert!((one - other).abs() <= 1e-6 * other.abs().max(1.0), "{one} is not {other}");
}

/// Messages with one poll each, and no other requests.
const MESSAGES_ONLY: Workload = Workload {
    requests: &[("POST message with Idempotency-Key", 1.0)],
    long_polls: 0.0,
    polls: 1.0,
    ..STANDARD
};

#[test]
fn document_contains_the_current_report() {
    let document = fs::read_to_string(checkout().join(DOCUMENT)).unwrap();
    let now = report(&checkout()).unwrap();
    assert!(document.contains(&now), "{DOCUMENT} is out of date: run `cargo dev cost --write`");
}

#[test]
fn requests_and_lambda_duration_are_multiplied() {
    let (one, ten) = (estimate(&MESSAGES_ONLY), estimate(&Workload { batch_size: 10, ..MESSAGES_ONLY }));
    for (item, purpose, expected) in [
        ("API Gateway", "", 2e6),
        ("Lambda, requests", "", 3e6 + SWEEPS_PER_MONTH),
        ("Lambda, duration", "requests", 2e6 * 0.01),
        ("Lambda, duration", "worker, waiting for Gemini", 1e6 * 2.01),
        ("Lambda, duration", "long polls", 0.0),
        // One of a hundred is a cold start: 4 ms of init, and 16 ms more for the first request.
        ("Lambda, duration", "cold starts", 3e6 * 0.01 * 0.02),
    ] {
        assert_close(quantity(&one, item, purpose), expected);
    }
    // Each batch is received with one request, and each message is deleted alone.
    assert_close(quantity(&one, "SQS", "") - quantity(&ten, "SQS", ""), 900_000.0);
    assert_close(quantity(&ten, "Lambda, duration", "worker, waiting for Gemini"), 1e5 * 2.01);
}

#[test]
fn stream_is_billed_until_the_end_of_its_answer_as_a_request_to_the_rest_api() {
    let streamed = estimate(&Workload { polls: 0.0, streams: 1.0, ..MESSAGES_ONLY });
    for (item, purpose, expected) in [
        ("API Gateway, HTTP API", "", 1e6),
        ("API Gateway, REST API", "", 1e6),
        ("Lambda, duration", "requests", 1e6 * 0.01),
        // 0.1 s in the queue, 2 s of Gemini, and 10 ms each of the worker and of the stream.
        ("Lambda, duration", "streams", 1e6 * 2.12),
    ] {
        assert_close(quantity(&streamed, item, purpose), expected);
    }
}

#[test]
fn long_poll_ends_with_the_first_read_after_the_answer() {
    for (answered_after, seconds, sql_statements) in
        [(0.0, 0.0, 0.0), (0.05, 0.3, 1.0), (2.2, 2.4, 1.0), (7.1, 7.2, 2.0)]
    {
        let wait = Wait::until(answered_after);
        assert_close(wait.seconds, seconds);
        assert_close(wait.sql_statements, sql_statements);
    }
}

#[test]
fn idle_service_pays_only_for_what_always_runs() {
    let idle = estimate(&IDLE);
    for item in ["API Gateway", "DynamoDB, writes", "Data transfer", "Neon, plan Launch, storage"] {
        let matching = idle.0.iter().filter(|line| line.price.item.starts_with(item));
        assert_close(matching.map(|line| line.quantity).sum(), 0.0);
    }
    assert!(quantity(&idle, "Neon, plan Launch, compute", "") > 0.0);
    assert!(idle.dollars() < estimate(&STANDARD).dollars());
}

#[test]
fn free_tier_covers_an_item_once_for_all_its_lines() {
    let (_, prices, _) = inputs();
    let usage = ["one", "another"].map(|purpose| ("lambda_gb_second", purpose, 300_000.0));
    let estimate = Estimate::new(&prices, &usage).unwrap();
    let price = prices.get("lambda_gb_second").unwrap();
    assert_close(estimate.dollars(), price.of(600_000.0));
    assert_close(estimate.dollars_after_free_tier(), price.of(200_000.0));
}

#[test]
fn estimate_includes_every_measured_aws_call() {
    let (figures, ..) = inputs();
    // A message: SQS send, idempotency record twice. A batch: job records, count of the hour.
    // A webhook: event record twice.
    for (name, estimated) in [
        ("POST message with Idempotency-Key", 3.0),
        ("worker, 1 message", 2.0),
        ("worker, 10 messages", 2.0),
        ("POST /api/webhook/stripe", 2.0),
    ] {
        let measured = figures.get(name).unwrap().aws_calls;
        assert!((measured - estimated).abs() < 0.25, "{name}: {measured} AWS calls, estimated {estimated}");
    }
}

#[test]
fn figures_were_measured_with_the_memory_of_the_template() {
    let (figures, _, template) = inputs();
    for (name, figures) in figures.requests {
        let (memory, measured) = (template.memory(&figures.function), Some(figures.memory_mb));
        assert_eq!(memory, measured, "{name} had other memory: run `cargo dev bench memory --figures`");
    }
}

#[test]
fn smallest_sufficient_task_and_instance_are_chosen() {
    let (figures, ..) = inputs();
    let invocations = STANDARD.invocations(&figures).unwrap();
    let demand = CpuDemand::of(&STANDARD, &invocations);
    let requests = http_total(&invocations, |_| 1.0) - 20_000.0 + 1e6;
    assert_close(demand.average * SECONDS_PER_MONTH, requests * 0.0046 + 20_000.0 * 0.762);
    assert_close(demand.peak, demand.average * 10.0);
    assert_eq!(smallest_fargate_task(demand, 1.0).unwrap(), (0.25, 0.5));
    assert_eq!(smallest_fargate_task(CpuDemand { average: 0.1, peak: 0.3 }, 1.0).unwrap(), (0.5, 1.0));
    assert_eq!(smallest_ec2_instance(demand).unwrap(), "t4g_small_hour");
    assert!(smallest_fargate_task(CpuDemand { average: 9.0, peak: 90.0 }, 1.0).is_err());
}

#[test]
fn sample_log_lines_are_json() {
    for line in PLATFORM_LINES.iter().chain([&ACCESS_LINE]) {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
}
