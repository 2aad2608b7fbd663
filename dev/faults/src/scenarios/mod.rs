//! The scenarios, in the order of the promises.

mod accepted;
mod bad_input;
mod checkouts;
mod clean_logs;
mod client_retry;
mod contract;
mod dual_write;
mod duplicate_delivery;
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
    ($name:expr, $promise:literal, $module:ident, mostly_waits: $waits:literal) => {
        Scenario {
            name: $name,
            promise: $promise,
            mostly_waits: $waits,
            run: |suite| Box::pin($module::run(suite)),
        }
    };
}

/// The scenario that runs last.
pub(super) const CLEAN_LOGS: &str = "clean-logs";

/// All scenarios.
pub(super) const SCENARIOS: &[Scenario] = &[
    scenario!("accepted", "an accepted message is answered", accepted, mostly_waits: false),
    scenario!("worker-death", "a worker's death loses nothing", worker_death, mostly_waits: true),
    scenario!("frozen-worker", "a worker that lost its lease changes nothing", frozen_worker, mostly_waits: true),
    scenario!("dual-write", "the dual write is safe", dual_write, mostly_waits: true),
    scenario!("duplicate-delivery", "a duplicate delivery is harmless", duplicate_delivery, mostly_waits: false),
    scenario!("poison", "a poison message affects no other", poison, mostly_waits: false),
    scenario!("order", "answers keep the order of a chatroom", order, mostly_waits: true),
    scenario!("client-retry", "a client's retry is safe", client_retry, mostly_waits: true),
    scenario!("quota", "the quota is exact", quota, mostly_waits: false),
    scenario!("thaw", "connections recover after a freeze", thaw, mostly_waits: false),
    scenario!("redis-outage", "an outage of Redis is contained", redis_outage, mostly_waits: false),
    scenario!("postgres-outage", "outages of Postgres and Redis under load are contained", postgres_outage, mostly_waits: true),
    scenario!("gemini-quota", "Gemini's quota is respected", gemini_quota, mostly_waits: true),
    scenario!("gemini-failures", "Gemini's failures are told apart", gemini_failures, mostly_waits: true),
    scenario!("webhooks", "a webhook takes effect once", webhooks, mostly_waits: false),
    scenario!("forgeries", "a forged webhook does nothing", forgeries, mostly_waits: false),
    scenario!("checkouts", "nobody pays twice", checkouts, mostly_waits: false),
    scenario!("guessing", "neither a code nor a password can be guessed", guessing, mostly_waits: false),
    scenario!("enumeration", "no response reveals whether a number is registered", enumeration, mostly_waits: false),
    scenario!("stolen-token", "a stolen refresh token is detected", stolen_token, mostly_waits: false),
    scenario!("revocation", "a revoked token is refused", revocation, mostly_waits: true),
    scenario!("contract", "the API keeps its contract", contract, mostly_waits: false),
    scenario!("isolation", "one user never sees another's data", isolation, mostly_waits: false),
    scenario!("bad-input", "invalid input is refused", bad_input, mostly_waits: false),
    scenario!(CLEAN_LOGS, "logs contain no secrets", clean_logs, mostly_waits: false),
];
