//! The scenarios, in the order of the promises.

mod accepted;
mod client_retry;
mod contract;
mod dual_write;
mod duplicates;
mod frozen_worker;
mod gemini_failures;
mod gemini_quota;
mod order;
mod poison;
mod postgres_outage;
mod quota;
mod redis_outage;
mod thaw;
mod worker_death;

use super::Scenario;

macro_rules! scenario {
    ($name:literal, $promise:literal, $module:ident, waits: $waits:literal) => {
        Scenario { name: $name, promise: $promise, waits: $waits, run: |suite| Box::pin($module::run(suite)) }
    };
}

/// All of them.
pub(super) const SCENARIOS: &[Scenario] = &[
    scenario!("contract", "the contract holds", contract, waits: false),
    scenario!("accepted", "an accepted message is answered", accepted, waits: false),
    scenario!("worker-death", "a worker's death loses nothing", worker_death, waits: true),
    scenario!("frozen-worker", "a worker that was overtaken changes nothing", frozen_worker, waits: true),
    scenario!("dual-write", "the dual write is safe", dual_write, waits: true),
    scenario!("duplicate-delivery", "a duplicate delivery is harmless", duplicates, waits: false),
    scenario!("poison", "poison stays alone", poison, waits: false),
    scenario!("order", "order within a room", order, waits: true),
    scenario!("client-retry", "a client's retry is safe", client_retry, waits: true),
    scenario!("quota", "the quota is exact", quota, waits: false),
    scenario!("thaw", "thaw heals", thaw, waits: false),
    scenario!("redis-outage", "Redis's outage is contained", redis_outage, waits: false),
    scenario!("postgres-outage", "Postgres's outage is contained, and Redis's end under load", postgres_outage, waits: true),
    scenario!("gemini-quota", "Gemini's quota is respected", gemini_quota, waits: true),
    scenario!("gemini-failures", "Gemini's failures are told apart", gemini_failures, waits: true),
];
