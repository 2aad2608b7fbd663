//! What the service before this one costs under the same load: Express and `BullMQ` on Node, PostgreSQL, Redis, on the smallest
//! machines of AWS that carry it.

use anyhow::{Context as _, Result};

use super::bill::Bill;
use super::figures::Figures;
use super::load::{GB, GIB, HOURS_A_MONTH, Load, SECONDS_A_MONTH, STATUS, TOKEN_BYTES};
use super::prices::Prices;

/// Processor time of a request, in seconds: the most of what was measured (2.4 to 4.6 ms). A message that is answered takes as
/// much once more, which was not measured.
const REQUEST_SECONDS: f64 = 0.0046;
/// That of a login, which hashes without help.
const LOGIN_SECONDS: f64 = 0.762;
/// The most memory that it had, in MB.
const MEMORY_MB: f64 = 194.0;
/// How much of a processor may be used at the peak: a queue grows beyond.
const USABLE: f64 = 0.7;
/// What Postgres, Redis and the system want beside it where all are on one machine, in MB.
const BESIDE_MB: f64 = 1_024.0;
/// The least disk of a database, in GB.
const DISK_GB: f64 = 20.0;
/// New connections a second of one unit of a balancer's capacity.
const CONNECTIONS_OF_A_UNIT: f64 = 25.0;
/// Zones that a balancer is in, each with an address.
const ZONES: f64 = 2.0;

/// Sizes of a task of Fargate: processors, GB.
const TASKS: [(f64, f64); 6] = [(0.25, 0.5), (0.25, 1.0), (0.5, 1.0), (1.0, 2.0), (2.0, 4.0), (4.0, 8.0)];

/// Machines of EC2: their price, what they may use of processors all day long, at most, and GB.
const MACHINES: [(&str, f64, f64, f64); 4] = [
    ("t4g_nano_hour", 0.1, 2.0, 0.5),
    ("t4g_micro_hour", 0.2, 2.0, 1.0),
    ("t4g_small_hour", 0.4, 2.0, 2.0),
    ("t4g_medium_hour", 0.4, 2.0, 4.0),
];

/// What is needed of processors, in all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Need {
    pub(super) average: f64,
    pub(super) peak: f64,
}

impl Need {
    pub(super) fn of(load: &Load) -> Self {
        let logins = load.messages * load.logins;
        let others = load.http_requests() - logins + load.messages;
        let average = (others * REQUEST_SECONDS + logins * LOGIN_SECONDS) / SECONDS_A_MONTH;
        Self { average, peak: average * load.peak }
    }
}

/// The smallest task of Fargate that carries `need`, where `count` share it.
pub(super) fn task(need: Need, count: f64) -> Result<(f64, f64)> {
    TASKS
        .into_iter()
        .find(|(cores, gb)| cores * USABLE * count >= need.peak && gb * 1024.0 * USABLE >= MEMORY_MB)
        .context("one task is too small for this load")
}

/// The price of the smallest machine of EC2 that carries `need`, and the database and Redis beside it.
pub(super) fn machine(need: Need) -> Result<&'static str> {
    MACHINES
        .into_iter()
        .find(|(_, always, most, gb)| {
            *always >= need.average && most * USABLE >= need.peak && gb * 1024.0 >= MEMORY_MB + BESIDE_MB
        })
        .map(|(price, ..)| price)
        .context("one machine is too small for this load")
}

/// Bills for the same load: one of each part, two of each, so that it outlives one as this service does, and all on one machine.
pub(super) fn bills(load: &Load, figures: &Figures, prices: &Prices) -> Result<Vec<(&'static str, Bill)>> {
    let need = Need::of(load);
    Ok(vec![
        ("one of each", managed(1.0, need, load, figures, prices)?),
        ("two of each", managed(2.0, need, load, figures, prices)?),
        ("one machine", alone(need, load, figures, prices)?),
    ])
}

fn managed(count: f64, need: Need, load: &Load, figures: &Figures, prices: &Prices) -> Result<Bill> {
    let (cores, gb) = task(need, count)?;
    lines(&Parts { count, cores, gb, machine: None }, load, figures, prices)
}

fn alone(need: Need, load: &Load, figures: &Figures, prices: &Prices) -> Result<Bill> {
    lines(&Parts { count: 0.0, cores: 0.0, gb: 0.0, machine: Some(machine(need)?) }, load, figures, prices)
}

/// What there is.
struct Parts {
    /// So many tasks, databases and caches.
    count: f64,
    cores: f64,
    gb: f64,
    machine: Option<&'static str>,
}

fn lines(parts: &Parts, load: &Load, figures: &Figures, prices: &Prices) -> Result<Bill> {
    let (mut bill, hours) = (Bill::default(), HOURS_A_MONTH);
    let balanced = f64::from(u8::from(parts.machine.is_none()));
    bill.keep(prices, "fargate_vcpu_hour", "", parts.count * parts.cores * hours)?;
    bill.keep(prices, "fargate_gb_hour", "", parts.count * parts.gb * hours)?;
    bill.keep(prices, "balancer_hour", "", balanced * hours)?;
    let units = load.http_requests() / SECONDS_A_MONTH / CONNECTIONS_OF_A_UNIT;
    bill.add(prices, "balancer_lcu_hour", "", balanced * units * hours)?;
    let addresses = if parts.machine.is_some() { 1.0 } else { ZONES + parts.count };
    bill.keep(prices, "address_hour", "", addresses * hours)?;
    bill.keep(prices, "rds_micro_hour", "", parts.count * hours)?;
    let disk = DISK_GB.max(load.messages * load.stored_bytes / GB);
    bill.keep(prices, "rds_gb_month", "", parts.count * disk)?;
    bill.keep(prices, "cache_micro_hour", "", parts.count * hours)?;
    bill.keep(prices, parts.machine.unwrap_or("t4g_nano_hour"), "all on it", (1.0 - balanced) * hours)?;
    bill.keep(prices, "disk_gb_month", "", (1.0 - balanced) * disk)?;
    // It is taken to answer as much, to ask Gemini as much, and to write as much into its log.
    let (mut answers, mut logs) = (0.0, 0.0);
    for (name, count) in load.requests().into_iter().chain([(STATUS, load.waits())]) {
        let figure = figures.get(name)?;
        answers += count * figure.response_bytes;
        logs += count * figure.log_bytes;
    }
    logs += load.messages * figures.get("worker, 1 message")?.log_bytes;
    bill.add(prices, "log_gb", "", logs / GB)?;
    let out = answers + load.messages * load.prompt_tokens * TOKEN_BYTES;
    bill.add(prices, "data_out_gb", "", out / GIB)?;
    Ok(bill)
}
