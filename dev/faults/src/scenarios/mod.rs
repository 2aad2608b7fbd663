//! The scenarios, in the order of the promises.

mod accepted;
mod bad_input;
mod checkouts;
mod clean_logs;
mod client_retry;
mod contract;
mod default_limits;
mod dual_write;
mod duplicate_delivery;
mod enumeration;
mod forgeries;
mod frozen_worker;
mod gemini_failures;
mod gemini_quota;
mod guessing;
mod isolation;
mod kill_switches;
mod lockout;
mod long_answer;
mod one_account_stalls;
mod order;
mod poison;
mod postgres_outage;
mod quota;
mod quota_bounds_calls;
mod redis_outage;
mod refresh_race;
mod regenerate_kills;
mod revocation;
mod slow_answer;
mod soak;
mod spending_cap;
mod stolen_token;
mod stop;
mod stream_readers;
mod stream_redis_outage;
mod stream_rights;
mod stream_worker_kills;
mod thaw;
mod title_kills;
mod versions_mix;
mod webhooks;
mod worker_death;
mod worker_replacement;

use super::Scenario;

macro_rules! scenario {
    ($name:expr, $promise:literal, $module:ident, seconds: $seconds:literal, concurrent: $concurrent:literal) => {
        Scenario {
            name: $name,
            promise: $promise,
            seconds: $seconds,
            is_concurrent: $concurrent,
            run: |suite| Box::pin($module::run(suite)),
        }
    };
}

pub const CLEAN_LOGS: &str = "clean-logs";
pub const VERSIONS_MIX: &str = "versions-mix";

pub const SCENARIOS: &[Scenario] = &[
    scenario!("accepted", "an accepted message is answered", accepted, seconds: 6, concurrent: false),
    scenario!("worker-death", "a worker's death loses nothing", worker_death, seconds: 31, concurrent: true),
    scenario!("worker-replacement", "another worker takes over within a lease", worker_replacement, seconds: 30, concurrent: true),
    scenario!("regenerate-kills", "branches stay whole while workers die", regenerate_kills, seconds: 30, concurrent: true),
    scenario!(VERSIONS_MIX, "this release and the one before work side by side", versions_mix, seconds: 70, concurrent: true),
    scenario!("frozen-worker", "a worker that lost its lease changes nothing", frozen_worker, seconds: 35, concurrent: true),
    scenario!("stream-worker-kills", "a stream survives its worker", stream_worker_kills, seconds: 30, concurrent: true),
    scenario!("stream-readers", "a stream survives its reader", stream_readers, seconds: 12, concurrent: true),
    scenario!("stream-redis-outage", "a stream survives the loss of Redis", stream_redis_outage, seconds: 40, concurrent: false),
    scenario!("stream-rights", "a stream ends with the right to read it", stream_rights, seconds: 25, concurrent: false),
    scenario!("long-answer", "a long answer is the same in every tab", long_answer, seconds: 25, concurrent: true),
    scenario!("title-kills", "a title comes once and replaces no name", title_kills, seconds: 30, concurrent: true),
    scenario!("stop", "a stopped answer stops", stop, seconds: 30, concurrent: false),
    scenario!("dual-write", "the dual write is safe", dual_write, seconds: 6, concurrent: false),
    scenario!("duplicate-delivery", "a duplicate delivery is harmless", duplicate_delivery, seconds: 5, concurrent: false),
    scenario!("poison", "a poison message affects no other", poison, seconds: 8, concurrent: false),
    scenario!("order", "answers keep the order of a chatroom", order, seconds: 34, concurrent: true),
    scenario!("client-retry", "a client's retry is safe", client_retry, seconds: 40, concurrent: true),
    scenario!("quota", "the quota is exact", quota, seconds: 6, concurrent: false),
    scenario!("quota-bounds-calls", "the quota bounds the calls to Gemini", quota_bounds_calls, seconds: 30, concurrent: true),
    scenario!("spending-cap", "the spending caps hold while workers die", spending_cap, seconds: 45, concurrent: true),
    scenario!("one-account-stalls", "one account cannot stall others", one_account_stalls, seconds: 90, concurrent: false),
    scenario!("slow-answer", "a slow answer delays no other chatroom", slow_answer, seconds: 40, concurrent: true),
    scenario!("soak", "a long soak loses nothing and leaks nothing", soak, seconds: 50, concurrent: true),
    scenario!("thaw", "connections recover after a freeze", thaw, seconds: 13, concurrent: false),
    scenario!("redis-outage", "an outage of Redis is contained", redis_outage, seconds: 25, concurrent: false),
    scenario!("postgres-outage", "outages of Postgres and Redis under load are contained", postgres_outage, seconds: 25, concurrent: true),
    scenario!("gemini-quota", "Gemini's quota is respected", gemini_quota, seconds: 77, concurrent: true),
    scenario!("gemini-failures", "Gemini's failures are classified", gemini_failures, seconds: 35, concurrent: true),
    scenario!("kill-switches", "an operator stops a feature without a deployment", kill_switches, seconds: 110, concurrent: true),
    scenario!("webhooks", "a webhook takes effect once", webhooks, seconds: 19, concurrent: false),
    scenario!("forgeries", "a forged webhook does nothing", forgeries, seconds: 3, concurrent: false),
    scenario!("checkouts", "a user cannot pay twice", checkouts, seconds: 15, concurrent: false),
    scenario!("guessing", "neither a code nor a password can be guessed", guessing, seconds: 20, concurrent: false),
    scenario!("lockout", "a stranger cannot lock an owner out", lockout, seconds: 20, concurrent: false),
    scenario!("enumeration", "no response reveals whether a number is registered", enumeration, seconds: 30, concurrent: false),
    scenario!("default-limits", "the default limits serve users and stop floods", default_limits, seconds: 30, concurrent: false),
    scenario!("stolen-token", "a stolen refresh token is detected", stolen_token, seconds: 20, concurrent: true),
    scenario!("refresh-race", "simultaneous refreshes and lost responses keep the session", refresh_race, seconds: 20, concurrent: true),
    scenario!("revocation", "a revoked token is refused", revocation, seconds: 40, concurrent: true),
    scenario!("contract", "the API keeps its contract", contract, seconds: 46, concurrent: false),
    scenario!("isolation", "one user never sees another's data", isolation, seconds: 10, concurrent: false),
    scenario!("bad-input", "invalid input is refused", bad_input, seconds: 8, concurrent: false),
    scenario!(CLEAN_LOGS, "logs contain no secrets", clean_logs, seconds: 5, concurrent: false),
];
