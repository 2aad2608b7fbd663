//! Every kind of failure of Gemini, and the final state of the message.

use std::time::Duration;

use anyhow::Result;
use harness::{Suite, TestEnvironment, TestUser, unique};
use serde_json::{Value, json};

use crate::{ScenarioResult, stored_state};

struct Case {
    name: &'static str,
    step: Value,
    /// Whether every call fails, or only the first.
    is_permanent: bool,
    /// The message's final status, error code and number of attempts.
    outcome: &'static str,
    calls: usize,
}

/// All cases but the one that makes the model unavailable for the day.
fn cases() -> Vec<Case> {
    let permanent = |name, step, outcome, calls| Case { name, step, is_permanent: true, outcome, calls };
    let once = |name, step| Case { name, step, is_permanent: false, outcome: "completed 1", calls: 2 };
    let error = |status: u16| json!({"kind": "error", "status": status});
    vec![
        once("429 with RetryInfo", json!({"kind": "rate_limited", "retry_delay": "1s"})),
        once("429 without details", json!({"kind": "rate_limited", "details": false})),
        permanent("503", error(503), "failed gemini_overloaded 3", 3),
        permanent("500", error(500), "failed gemini_overloaded 3", 3),
        permanent("400", error(400), "failed invalid_request 1", 1),
        permanent("403", error(403), "failed internal 1", 1),
        permanent("blocked prompt", json!({"kind": "blocked_prompt"}), "failed blocked_by_safety 1", 1),
        permanent("blocked answer", json!({"kind": "blocked_answer"}), "failed blocked_by_safety 1", 1),
        permanent("cut", json!({"kind": "cut"}), "failed gemini_overloaded 3", 3),
        permanent("slow", json!({"kind": "slow", "delay_ms": 6_000}), "failed timeout 3", 3),
        permanent("garbage", json!({"kind": "garbage"}), "failed gemini_overloaded 3", 3),
    ]
}

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    // The cases run concurrently: the circuit breaker would open after some of their failures.
    let overrides = [
        ("GEMINI_MODEL_FALLBACK", "none"),
        ("GEMINI_TIMEOUT_MS", "2000"),
        ("GEMINI_BREAKER_FAILURES", "1000"),
    ];
    let env = TestEnvironment::start(suite, "gemini-failures", &overrides).await?;
    env.start_worker().await?;
    let user = TestUser::sign_up(&env).await?;
    let cases = cases();
    let per_day = Case {
        name: "429 of the day",
        step: json!({"kind": "rate_limited", "per_day": true}),
        is_permanent: true,
        outcome: "failed gemini_quota 1",
        calls: 1,
    };
    let mut result = ScenarioResult::new(format!("{} kinds of failure", cases.len() + 1));
    check_cases(&env, &user, &cases, &mut result).await?;
    check_cases(&env, &user, &[per_day], &mut result).await?;
    let charged: i64 =
        env.db.value("SELECT coalesce(sum(messages), 0)::bigint FROM daily_usage", &[]).await?;
    let completed =
        "SELECT count(*) FROM messages WHERE message_type = 'user' AND processing_status = 'completed'";
    let completed: i64 = env.db.value(completed, &[]).await?;
    result.check(charged == completed, || format!("{charged} quota units charged for {completed} answers"));
    Ok(result)
}

/// Sends a message for each case and checks its final state and the number of calls; then one that
/// must be answered.
async fn check_cases(
    env: &TestEnvironment,
    user: &TestUser,
    cases: &[Case],
    result: &mut ScenarioResult,
) -> Result<()> {
    let mut sent = Vec::new();
    for Case { step, is_permanent, .. } in cases {
        let text = unique("message");
        let script = json!({"match": text, "steps": [step], "forever": is_permanent});
        env.mocks.gemini("script", &script).await?;
        sent.push(user.send_text(env, &user.create_chatroom(env).await?, &text).await?);
    }
    env.wait_until_all_done(Duration::from_mins(2)).await?;
    for (Case { name, outcome, calls, .. }, message) in cases.iter().zip(sent) {
        let actual = (stored_state::outcome(env, message.id).await?, env.gemini.calls(&message.text));
        result.check((actual.0.as_str(), actual.1) == (*outcome, *calls), || {
            format!("{name}: {} after {} calls, not {outcome} after {calls}", actual.0, actual.1)
        });
    }
    // The unavailable model's state is in Redis.
    env.empty_redis().await?;
    let answered = user.send_message(env, &user.create_chatroom(env).await?).await?;
    env.wait_until_all_done(Duration::from_mins(1)).await?;
    stored_state::check_answers(env, &[answered], result).await
}
