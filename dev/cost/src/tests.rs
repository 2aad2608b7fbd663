//! The arithmetic of the bill, and the document against it.

use std::fs;

use stack::checkout;
use stack::template::Template;

use super::bill::Bill;
use super::figures::Figures;
use super::load::{Load, SECONDS_A_MONTH, STANDARD, SWEEPS_A_MONTH, Wait};
use super::machines::{Need, machine, task};
use super::prices::Prices;
use super::serverless::{self, ACCESS_LINE, Deployed, PLATFORM_LINES};
use super::{DOCUMENT, report};

fn prices() -> Prices {
    Prices::read(&checkout()).unwrap()
}

fn figures() -> Figures {
    Figures::read(&checkout()).unwrap()
}

/// The same for every request: a function of 1 GB for 10 ms.
fn plain() -> Figures {
    let mut figures = figures();
    for figure in figures.requests.values_mut() {
        (figure.memory_mb, figure.billed_ms) = (1024, 10.0);
        (figure.ready_ms, figure.first_ms) = (4.0, 26.0);
        (figure.log_bytes, figure.log_lines, figure.response_bytes) = (300.0, 1.0, 1e3);
        (figure.redis_commands, figure.redis_bytes) = (5.0, 1e3);
    }
    figures
}

fn bill(load: &Load) -> Bill {
    let deployed = Deployed::read(&Template::read(&checkout()).unwrap()).unwrap();
    serverless::bill(load, &plain(), &prices(), &deployed).unwrap()
}

/// How much there is of what `what` and `why` say.
fn quantity(bill: &Bill, what: &str, why: &str) -> f64 {
    let mut lines = bill.lines.iter().filter(|line| line.price.what.starts_with(what) && line.why == why);
    lines.next().unwrap_or_else(|| panic!("no {what} {why}")).quantity
}

fn assert_close(one: f64, other: f64) {
    assert!((one - other).abs() <= 1e-6 * other.abs().max(1.0), "{one} is not {other}");
}

/// One message, one call for its status, and nothing else.
const BARE: Load = Load {
    long_polls: 0.0,
    polls: 1.0,
    room_reads: 0.0,
    lists: 0.0,
    accounts: 0.0,
    rooms: 0.0,
    logins: 0.0,
    webhooks: 0.0,
    ..STANDARD
};

#[test]
fn the_document_says_what_the_command_prints() {
    let document = fs::read_to_string(checkout().join(DOCUMENT)).unwrap();
    let now = report(&checkout()).unwrap();
    assert!(document.contains(&now), "{DOCUMENT} is out of date: run `cargo dev cost --write`");
}

#[test]
fn requests_and_their_time_are_counted() {
    let bill = bill(&BARE);
    assert_close(quantity(&bill, "API Gateway", ""), 2e6);
    assert_close(quantity(&bill, "Lambda, invocations", ""), 3e6 + SWEEPS_A_MONTH);
    assert_close(quantity(&bill, "Lambda, time", "answering requests"), 2e6 * 0.01);
    assert_close(quantity(&bill, "Lambda, time", "asking Gemini"), 1e6 * 2.01);
    assert_close(quantity(&bill, "Lambda, time", "waiting for answers"), 0.0);
    // Of a hundred each, one takes 4 ms to start and 16 ms more for its first request.
    assert_close(quantity(&bill, "Lambda, time", "starting"), 3e6 * 0.01 * 0.02);
}

#[test]
fn a_batch_is_asked_for_and_deleted_once() {
    let (one, ten) = (bill(&BARE), bill(&Load { batch: 10, ..BARE }));
    let saved = quantity(&one, "SQS", "") - quantity(&ten, "SQS", "");
    assert_close(saved, 2.0 * 900_000.0);
    assert_close(
        quantity(&ten, "Lambda, time", "asking Gemini") * 10.0,
        quantity(&one, "Lambda, time", "asking Gemini"),
    );
}

#[test]
fn a_wait_is_over_at_the_first_look_after_the_answer() {
    let close = |answered: f64, seconds: f64, looks: f64| {
        let wait = Wait::until(answered);
        assert_close(wait.seconds, seconds);
        assert_close(wait.looks, looks);
    };
    close(0.0, 0.0, 0.0);
    close(0.05, 0.1, 1.0);
    close(2.1, 2.5, 5.0);
    close(2.6, 3.5, 6.0);
}

#[test]
fn whoever_is_idle_pays_for_what_runs_anyway() {
    let idle = bill(&STANDARD.idle());
    for what in ["API Gateway", "DynamoDB, writes", "Data out", "Neon, plan Launch, storage"] {
        let of = |line: &&super::bill::Line| line.price.what.starts_with(what);
        assert_close(idle.lines.iter().filter(of).map(|line| line.quantity).sum(), 0.0);
    }
    assert!(quantity(&idle, "Neon, plan Launch, compute", "") > 0.0);
    assert!(idle.dollars() < bill(&STANDARD).dollars());
}

#[test]
fn what_is_given_is_given_once() {
    let prices = prices();
    let mut bill = Bill::default();
    for why in ["one", "another"] {
        bill.add(&prices, "lambda_gb_second", why, 300_000.0).unwrap();
    }
    let price = prices.get("lambda_gb_second").unwrap();
    assert_close(bill.dollars(), price.of(600_000.0));
    assert_close(bill.dollars_after_gifts(), price.of(200_000.0));
}

#[test]
fn trips_to_aws_are_those_that_the_bill_knows_of() {
    let figures = figures();
    // The queue, and a record that is begun and completed; the job records of a batch and a count; the ledger twice.
    for (name, trips) in [
        ("POST message, keyed", 3.0),
        ("worker, 1 message", 2.0),
        ("worker, 10 messages", 2.0),
        ("POST /api/webhook/stripe", 2.0),
    ] {
        let aws = figures.get(name).unwrap().aws;
        assert!((aws - trips).abs() < 0.25, "{name}: {aws} trips to AWS, and the bill has {trips}");
    }
}

#[test]
fn figures_are_of_the_template() {
    let template = Template::read(&checkout()).unwrap();
    for (name, figure) in figures().requests {
        let memory = template.memory(&figure.function);
        assert_eq!(memory, Some(figure.memory_mb), "{name} was measured with other memory: measure again");
    }
}

#[test]
fn the_smallest_machines_that_carry_a_load_are_chosen() {
    let need = Need::of(&STANDARD);
    let requests = STANDARD.http_requests() - 20_000.0 + 1e6;
    assert_close(need.average * SECONDS_A_MONTH, requests * 0.0046 + 20_000.0 * 0.762);
    assert_close(need.peak, need.average * 10.0);
    assert_eq!(task(need, 1.0).unwrap(), (0.25, 0.5));
    assert_eq!(task(Need { average: 0.1, peak: 0.3 }, 1.0).unwrap(), (0.5, 1.0));
    assert_eq!(machine(need).unwrap(), "t4g_small_hour");
    assert!(task(Need { average: 9.0, peak: 90.0 }, 1.0).is_err());
}

#[test]
fn lines_of_logs_are_json() {
    for line in PLATFORM_LINES.iter().chain([&ACCESS_LINE]) {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
}
