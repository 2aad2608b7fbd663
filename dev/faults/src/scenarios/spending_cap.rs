//! Many users who chat in several chatrooms at once until a spending cap of the day refuses them,
//! while workers are killed in the middle of calls.
//!
//! What was spent is counted at mock Gemini: each call that it received has the full price, whether
//! or not its worker lived to store the answer.

use std::cell::{Cell, RefCell};

use chrono::{DateTime, Utc};

use crate::prelude::*;

const KILL_INTERVAL: Duration = Duration::from_millis(700);
const SWEEP_INTERVAL: Duration = Duration::from_millis(500);
const MAX_WAIT: Duration = Duration::from_mins(4);
/// How long Gemini takes for an answer.
const ANSWER_TIME_MS: u64 = 300;
/// The most tokens of an answer. A token costs a micro-dollar, so a call reserves this amount, and
/// one more for the prompt.
const MAX_OUTPUT_TOKENS: i64 = 1_000;
const MODEL: &str = "gemini-3.5-flash-lite";

/// What the clients of one user saw.
#[derive(Default)]
struct Seen {
    accepted: RefCell<Vec<SentMessage>>,
    /// Messages that were refused because of the user's cap, and because of the service's.
    refused: [Cell<usize>; 2],
}

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let (users, rooms, kills, user_cap) = suite.scale.of((12, 4, 40, 20_000), (4, 2, 4, 5_000));
    // Half of the users reach their own cap before the service's, and all together reach that.
    let service_cap = (user_cap - MAX_OUTPUT_TOKENS) * i64::try_from(users)?;
    let run = start(suite, user_cap, service_cap).await?;
    run.start_worker_with_batch_size(1).await?;
    let people = try_join_all((0..users).map(|_| TestUser::sign_up(&run))).await?;
    let seen: Vec<Seen> = people.iter().map(|_| Seen::default()).collect();
    let killed = Cell::new(0);
    let chats = async {
        for (people, seen) in people.chunks(users / 2).zip(seen.chunks(users / 2)) {
            try_join_all(people.iter().zip(seen).map(|(user, seen)| chat(&run, user, rooms, seen))).await?;
        }
        run.wait_until_all_done(MAX_WAIT).await
    };
    let recovery = tokio::select! {
        done = chats => done?,
        never = kill_workers(&run, kills, &killed) => never?,
        never = sweep(&run, [user_cap, service_cap]) => never?,
    };
    run.recovered_within(recovery);
    charge_dead_workers(&run).await?;

    check!(run, killed.get() == kills, "{} of {kills} workers were killed while busy", killed.get());
    check_refusals(&run, &seen);
    check_messages(&run, &seen).await?;
    let spent = check_spending(&run, &seen, [user_cap, service_cap]).await?;
    run.observe(spent);
    run.check_invariants().await?;
    run.check_deadlocks().await?;
    run.done(format!(
        "{users} users, each in {rooms} chatrooms at once; caps of {user_cap} micro-dollars for each user and \
         {service_cap} for all; {kills} SIGKILLs of busy workers"
    ))
}

async fn start(suite: &Suite, user_cap: i64, service_cap: i64) -> Result<Run> {
    let price = json!({ "prompt": 1, "cached": 1, "output": 1_000_000 });
    let model = json!([{
        "id": MODEL, "plans": ["basic", "pro"], "max_output_tokens": MAX_OUTPUT_TOKENS, "price": price,
    }]);
    let overrides = [
        ("GEMINI_MODELS", model.to_string()),
        ("GEMINI_MODEL_BASIC", MODEL.to_owned()),
        ("GEMINI_MODEL_PRO", MODEL.to_owned()),
        ("GEMINI_MODEL_FALLBACK", "none".to_owned()),
        ("GEMINI_THINKING_TOKENS", "0".to_owned()),
        ("SPEND_CAP_USER_MICRO_USD", user_cap.to_string()),
        ("SPEND_CAP_SERVICE_MICRO_USD", service_cap.to_string()),
        // So that a message does not wait for midnight, however late it is.
        ("GEMINI_MAX_WAIT_MS", "30000".to_owned()),
        // No answer may fail for repeated kills.
        ("MESSAGE_MAX_ATTEMPTS", "100".to_owned()),
        ("GEMINI_BREAKER_FAILURES", "1000".to_owned()),
    ];
    let overrides: Vec<_> = overrides.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let run = Run::start(suite, "spending-cap", &overrides).await?;
    let answer =
        json!({ "kind": "answer", "text": "A costly answer. ".repeat(100), "delay_ms": ANSWER_TIME_MS });
    run.mocks.gemini("script", &json!({ "steps": [answer], "forever": true })).await?;
    Ok(run)
}

/// Chats in several chatrooms at once, in each until a cap refuses the next message.
async fn chat(run: &Run, user: &TestUser, rooms: usize, seen: &Seen) -> Result<()> {
    let rooms = user.create_chatrooms(run, rooms).await?;
    let clients = rooms.iter().map(async |room| {
        loop {
            let text = unique("question");
            let response = user.message(room, &text).send(run).await?;
            if response.status == 503 {
                return check_refusal(run, &response, seen);
            }
            let sent = SentMessage::read(&response.ensure(201)?, &text)?;
            user.wait_until_done(run, sent.id).await?;
            seen.accepted.borrow_mut().push(sent);
        }
    });
    try_join_all(clients).await.map(drop)
}

/// Checks that a refused message says which cap is reached, and until when.
fn check_refusal(run: &Run, response: &Response, seen: &Seen) -> Result<()> {
    let body = &response.body;
    check!(run, body["code"] == "spend_cap_reached", "a message was refused by {response}");
    let scope = usize::from(body["scope"] == "service");
    check!(run, scope == 1 || body["scope"] == "user", "a refusal names no cap: {response}");
    let resets_at: DateTime<Utc> = response.string_at("/resets_at")?.parse()?;
    let is_midnight = resets_at.timestamp() % 86_400 == 0;
    let wait: i64 = response.header("retry-after").context("a refusal without Retry-After")?.parse()?;
    #[expect(clippy::disallowed_methods, reason = "the service's processes have this clock")]
    let until_reset = (resets_at - Utc::now()).num_seconds();
    // A slow machine may need some seconds to get here.
    let is_wait_right = (wait - 30..=wait + 1).contains(&until_reset) && wait <= 86_400;
    check!(run, is_midnight && is_wait_right, "the reset is wrong: {response}, Retry-After {wait}");
    seen.refused[scope].set(seen.refused[scope].get() + 1);
    Ok(())
}

async fn kill_workers(run: &Run, kills: usize, killed: &Cell<usize>) -> Result<Duration> {
    loop {
        sleep(KILL_INTERVAL).await;
        if killed.get() < kills && run.lambda.kill_busy("worker").await {
            killed.set(killed.get() + 1);
        }
    }
}

/// Charges the calls of killed workers as soon as their leases have ended, and checks meanwhile
/// that what is spent and reserved stays within the caps.
async fn sweep(run: &Run, caps: [i64; 2]) -> Result<Duration> {
    loop {
        sleep(SWEEP_INTERVAL).await;
        charge_dead_workers(run).await?;
        check_caps(run, caps).await?;
    }
}

/// Ends the reservations of workers that have lost their lease, and sweeps.
async fn charge_dead_workers(run: &Run) -> Result<()> {
    const EXPIRE: &str = "UPDATE spending_reservations r SET expires_at = now() WHERE NOT is_charged
        AND NOT EXISTS (SELECT FROM generations g WHERE g.lease_owner = r.id AND g.lease_until > now())";
    run.db.execute(EXPIRE, &[]).await?;
    run.sweep().await.map(drop)
}

/// Checks that no cost of a day, with what is reserved, is above its cap.
async fn check_caps(run: &Run, caps: [i64; 2]) -> Result<()> {
    const SQL: &str = "SELECT
        (SELECT coalesce(max(cost_micro_usd + reserved_micro_usd), 0) FROM daily_usage),
        (SELECT coalesce(max(cost_micro_usd + reserved_micro_usd), 0) FROM service_spending)";
    let row = run.db.query_one(SQL, &[]).await?;
    for (place, (whose, cap)) in ["a user", "the service"].into_iter().zip(caps).enumerate() {
        let most: i64 = row.get(place);
        check!(run, most <= cap, "{most} micro-dollars are spent or reserved for {whose}, more than {cap}");
    }
    Ok(())
}

/// Checks that both caps were reached.
fn check_refusals(run: &Run, seen: &[Seen]) {
    let refused = [0, 1].map(|scope| seen.iter().map(|seen| seen.refused[scope].get()).sum::<usize>());
    let [user, service] = refused;
    check!(run, user > 0 && service > 0, "{user} refusals for a user's cap, {service} for the service's");
    run.observe(format!("{user} clients refused by the cap of their user, {service} by that of the service"));
}

/// Checks that each accepted message is answered, or has failed because of a cap and is refunded.
async fn check_messages(run: &Run, seen: &[Seen]) -> Result<()> {
    const SQL: &str = "SELECT count(*) FILTER (WHERE g.status = 'completed' AND a.id IS NOT NULL),
            count(*) FILTER (WHERE g.status = 'failed' AND g.error_code = 'spend_cap_reached')
        FROM generations g LEFT JOIN messages a ON a.generation_id = g.id WHERE g.id = ANY($1)";
    const CHARGED: &str = "SELECT coalesce(sum(messages), 0)::bigint FROM daily_usage";
    let ids: Vec<Uuid> = seen
        .iter()
        .flat_map(|seen| seen.accepted.borrow().iter().map(|sent| sent.id).collect::<Vec<_>>())
        .collect();
    let row = run.db.query_one(SQL, &[&ids]).await?;
    let (answered, refunded): (i64, i64) = (row.get(0), row.get(1));
    let accepted = i64::try_from(ids.len())?;
    run.count(usize::try_from((accepted - answered - refunded).max(0))?, 0);
    let charged: i64 = run.db.value(CHARGED, &[]).await?;
    check!(run, charged == answered, "{charged} units of the quota are counted for {answered} answers");
    run.observe(format!("{accepted} messages accepted, {answered} answered, {refunded} failed and refunded"));
    Ok(())
}

/// Checks what was spent against the calls that mock Gemini received, and that nothing stays
/// reserved. Returns the sums in words.
async fn check_spending(run: &Run, seen: &[Seen], caps: [i64; 2]) -> Result<String> {
    const PRICE: &str =
        "SELECT max(cost_micro_usd) FROM generations WHERE status = 'completed' AND attempts = 1";
    const SUMS: &str = "SELECT (SELECT coalesce(sum(cost_micro_usd), 0)::bigint FROM daily_usage),
        (SELECT coalesce(sum(cost_micro_usd), 0)::bigint FROM service_spending),
        (SELECT coalesce(sum(reserved_micro_usd), 0)::bigint FROM daily_usage),
        (SELECT coalesce(sum(reserved_micro_usd), 0)::bigint FROM service_spending),
        (SELECT count(*) FROM spending_reservations WHERE NOT is_charged),
        (SELECT count(*) FROM service_spending)";
    check_caps(run, caps).await?;
    let row = run.db.query_one(SUMS, &[]).await?;
    let [users, service, user_reserved, service_reserved, open, days]: [i64; 6] =
        std::array::from_fn(|column| row.get(column));
    let leaked = [user_reserved, service_reserved, open];
    check!(run, leaked == [0; 3], "after the end {leaked:?} are reserved: for users, for the service, calls");
    check!(run, users == service, "the users have spent {users}, and the service {service}");
    let price: i64 = run.db.value(PRICE, &[]).await?;
    let calls_of =
        |seen: &Seen| seen.accepted.borrow().iter().map(|sent| run.gemini.calls(&sent.text)).sum::<usize>();
    let calls: Vec<i64> =
        seen.iter().map(|seen| Ok(i64::try_from(calls_of(seen))?)).collect::<Result<_>>()?;
    let (most, total) =
        (calls.iter().max().copied().unwrap_or_default() * price, calls.iter().sum::<i64>() * price);
    let [user_cap, service_cap] = caps;
    // At midnight both begin anew.
    check!(run, most <= user_cap * days, "Gemini's calls for a user cost {most}, more than {user_cap}");
    check!(run, total <= service_cap * days, "all calls to Gemini cost {total}, more than {service_cap}");
    check!(run, total <= service, "calls to Gemini cost {total}, and {service} are counted");
    Ok(format!(
        "{} calls at {price} cost {total}, at most {most} for a user; {service} counted, with the full \
         reservations of killed workers",
        calls.iter().sum::<i64>()
    ))
}
