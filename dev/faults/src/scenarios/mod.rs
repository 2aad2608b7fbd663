//! The scenarios, in the order of the promises.

mod accepted;
mod bad_input;
mod checkouts;
mod clean_logs;
mod client_retry;
mod contract;
mod dual_write;
mod duplicates;
mod enumeration;
mod forgeries;
mod frozen_worker;
mod gemini_failures;
mod gemini_quota;
mod guessing;
mod isolation;
mod order;
mod poison;
mod postgres_outage;
mod quota;
mod redis_outage;
mod revocation;
mod stolen_token;
mod thaw;
mod webhooks;
mod worker_death;

use super::Scenario;

macro_rules! scenario {
    ($name:expr, $promise:literal, $module:ident, waits: $waits:literal) => {
        Scenario { name: $name, promise: $promise, waits: $waits, run: |suite| Box::pin($module::run(suite)) }
    };
}

/// All of them.
pub(super) const SCENARIOS: &[Scenario] = &[
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
    scenario!("webhooks", "a webhook takes effect once", webhooks, waits: false),
    scenario!("forgeries", "a forged webhook does nothing", forgeries, waits: false),
    scenario!("checkouts", "nobody pays twice", checkouts, waits: false),
    scenario!("guessing", "neither a code nor a password can be guessed", guessing, waits: false),
    scenario!("enumeration", "nobody is enumerated", enumeration, waits: false),
    scenario!("stolen-token", "a stolen refresh token is caught", stolen_token, waits: false),
    scenario!("revocation", "a revoked token is dead", revocation, waits: true),
    scenario!("contract", "the contract holds", contract, waits: false),
    scenario!("isolation", "one user never sees another's", isolation, waits: false),
    scenario!("bad-input", "input is bounded", bad_input, waits: false),
    scenario!(LAST, "logs are clean", clean_logs, waits: false),
];

/// The one that looks at what the others have left.
pub(super) const LAST: &str = "clean-logs";
