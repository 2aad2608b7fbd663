//! The bill of the previous Node.js service (Express, `BullMQ`, PostgreSQL, Redis) under the same
//! workload, on the smallest AWS instances that carry it.

use anyhow::{Context as _, Result};

use super::estimate::Estimate;
use super::figures::Figures;
use super::prices::Prices;
use super::workload::{
    GB, HOURS_PER_MONTH, Invocations, LOGIN, PEAK_FACTOR, SECONDS_PER_MONTH, STORED_BYTES, Workload,
    count_of, http_total,
};

/// CPU time of a request: the upper end of the measured 2.4 to 4.6 ms. Answering a message is
/// assumed to take as long, which was not measured.
const REQUEST_CPU_SECONDS: f64 = 0.0046;
/// CPU time of a login, which hashes the password in JavaScript.
const LOGIN_CPU_SECONDS: f64 = 0.762;
/// The peak of the service.
const MEMORY_MB: f64 = 194.0;
/// CPU utilisation at the peak beyond which requests queue up.
const MAX_UTILISATION: f64 = 0.7;
/// Memory for Postgres, Redis and the operating system on a single instance.
const OTHER_MEMORY_MB: f64 = 1_024.0;
/// The smallest database volume.
const MIN_DISK_GB: f64 = 20.0;
/// New connections per second in one load balancer capacity unit.
const CONNECTIONS_PER_LCU: f64 = 25.0;
/// Availability zones of the load balancer, each with a public address.
const ZONES: f64 = 2.0;

/// Sizes of Fargate tasks: vCPUs, GB.
const FARGATE_SIZES: [(f64, f64); 6] =
    [(0.25, 0.5), (0.25, 1.0), (0.5, 1.0), (1.0, 2.0), (2.0, 4.0), (4.0, 8.0)];

/// EC2 instance types: price, baseline vCPUs (sustained), maximum vCPUs (burst), GB.
const EC2_TYPES: [(&str, f64, f64, f64); 4] = [
    ("t4g_nano_hour", 0.1, 2.0, 0.5),
    ("t4g_micro_hour", 0.2, 2.0, 1.0),
    ("t4g_small_hour", 0.4, 2.0, 2.0),
    ("t4g_medium_hour", 0.4, 2.0, 4.0),
];

/// The vCPUs that a workload keeps busy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct CpuDemand {
    pub(super) average: f64,
    pub(super) peak: f64,
}

impl CpuDemand {
    pub(super) fn of(workload: &Workload, invocations: &[Invocations]) -> Self {
        let logins = count_of(invocations, LOGIN);
        let others = http_total(invocations, |_| 1.0) - logins + workload.messages;
        let average = (others * REQUEST_CPU_SECONDS + logins * LOGIN_CPU_SECONDS) / SECONDS_PER_MONTH;
        Self { average, peak: average * PEAK_FACTOR }
    }
}

/// The smallest Fargate task of which `count` carry `demand`.
pub(super) fn smallest_fargate_task(demand: CpuDemand, count: f64) -> Result<(f64, f64)> {
    let is_sufficient = |(vcpus, gb): &(f64, f64)| {
        vcpus * MAX_UTILISATION * count >= demand.peak && gb * 1024.0 * MAX_UTILISATION >= MEMORY_MB
    };
    let size = FARGATE_SIZES.into_iter().find(is_sufficient);
    size.context("no Fargate task is large enough for this workload")
}

/// The price of the smallest EC2 instance that carries `demand` together with Postgres and Redis.
pub(super) fn smallest_ec2_instance(demand: CpuDemand) -> Result<&'static str> {
    let is_sufficient = |&(_, baseline, burst, gb): &(&str, f64, f64, f64)| {
        let has_cpu = baseline >= demand.average && burst * MAX_UTILISATION >= demand.peak;
        has_cpu && gb * 1024.0 >= MEMORY_MB + OTHER_MEMORY_MB
    };
    let instance = EC2_TYPES.into_iter().find(is_sufficient);
    let (price, ..) = instance.context("no EC2 instance is large enough for this workload")?;
    Ok(price)
}

/// Bills of three deployments: one replica of each component, two of each (which survives the loss
/// of one, as this service does), and one EC2 instance with everything.
pub(super) fn estimates(
    workload: &Workload,
    figures: &Figures,
    prices: &Prices,
) -> Result<[(&'static str, Estimate); 3]> {
    let invocations = workload.invocations(figures)?;
    let demand = CpuDemand::of(workload, &invocations);
    let disk = MIN_DISK_GB.max(workload.messages * STORED_BYTES / GB);
    let lcu = http_total(&invocations, |_| 1.0) / SECONDS_PER_MONTH / CONNECTIONS_PER_LCU;
    // Its responses, prompts and logs are assumed to be as large as this service's.
    let logs = http_total(&invocations, |figures| figures.log_bytes)
        + workload.messages * figures.get("worker, 1 message")?.log_bytes;
    let gib_out = workload.gib_out(&invocations);
    let estimate = |replicas: f64, (vcpus, gb): (f64, f64), ec2: Option<&str>| {
        let (instances, load_balancers) = if ec2.is_some() { (1.0, 0.0) } else { (0.0, 1.0) };
        let addresses = instances + load_balancers * ZONES + replicas;
        let hours = HOURS_PER_MONTH;
        let usage = [
            ("fargate_vcpu_hour", "", replicas * vcpus * hours),
            ("fargate_gb_hour", "", replicas * gb * hours),
            ("load_balancer_hour", "", load_balancers * hours),
            ("public_ipv4_hour", "", addresses * hours),
            ("rds_micro_hour", "", replicas * hours),
            ("rds_gb_month", "", replicas * disk),
            ("elasticache_micro_hour", "", replicas * hours),
            (ec2.unwrap_or("t4g_nano_hour"), "all components", instances * hours),
            ("ebs_gb_month", "", instances * disk),
            ("load_balancer_lcu_hour", "", load_balancers * lcu * hours),
            ("log_gb", "", logs / GB),
            ("data_out_gb", "", gib_out),
        ];
        Estimate::new(prices, &usage)
    };
    Ok([
        ("one of each", estimate(1.0, smallest_fargate_task(demand, 1.0)?, None)?),
        ("two of each", estimate(2.0, smallest_fargate_task(demand, 2.0)?, None)?),
        ("one EC2 instance", estimate(0.0, (0.0, 0.0), Some(smallest_ec2_instance(demand)?))?),
    ])
}
