//! Every kind of failure of Gemini, and the final state of the message.

use crate::prelude::*;

struct Case {
    name: &'static str,
    step: Value,
    /// Whether every call fails, or only the first.
    is_permanent: bool,
    /// The message's final status, error code and number of attempts.
    outcome: &'static str,
    calls: usize,
}

/// All cases, and apart from them the one that makes the model unavailable for the day.
fn cases() -> (Vec<Case>, Case) {
    let permanent = |name, step, outcome, calls| Case { name, step, is_permanent: true, outcome, calls };
    let once = |name, step| Case { name, step, is_permanent: false, outcome: "completed 1", calls: 2 };
    let error = |status: u16| json!({"kind": "error", "status": status});
    let per_day = json!({"kind": "rate_limited", "per_day": true});
    let no_credits =
        json!({"kind": "error", "status": 429, "message": "Your prepayment credits are depleted."});
    let cases = vec![
        once("429 with RetryInfo", json!({"kind": "rate_limited", "retry_delay": "1s"})),
        once("429 without details", json!({"kind": "rate_limited", "details": false})),
        permanent("503", error(503), "failed gemini_overloaded 3", 3),
        permanent("500", error(500), "failed gemini_overloaded 3", 3),
        permanent("400", error(400), "failed invalid_request 1", 1),
        permanent("403", error(403), "failed gemini_key_refused 1", 1),
        permanent("401", error(401), "failed gemini_key_refused 1", 1),
        permanent("429 about money", no_credits, "failed gemini_billing 1", 1),
        permanent("blocked prompt", json!({"kind": "blocked_prompt"}), "failed blocked_by_safety 1", 1),
        permanent("blocked answer", json!({"kind": "blocked_answer"}), "failed blocked_by_safety 1", 1),
        permanent("no text", json!({"kind": "answer", "text": ""}), "failed no_answer 1", 2),
        permanent("cut", json!({"kind": "cut"}), "failed gemini_overloaded 3", 3),
        permanent("silent", json!({"kind": "answer", "delay_ms": 6_000}), "failed timeout 3", 3),
        permanent("slow", json!({"kind": "slow", "delay_ms": 6_000}), "failed timeout 3", 3),
        permanent(
            "too long",
            json!({"kind": "answer", "text": "word ".repeat(100), "duration_ms": 6_000}),
            "completed 1",
            1,
        ),
        permanent("garbage", json!({"kind": "garbage"}), "failed gemini_overloaded 3", 3),
    ];
    (cases, permanent("429 of the day", per_day, "failed gemini_quota 1", 1))
}

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    // The cases run concurrently: the circuit breaker would open after some of their failures.
    let overrides = [
        ("GEMINI_MODEL_FALLBACK", "none"),
        ("GEMINI_TIMEOUT_MS", "3000"),
        ("GEMINI_STALL_TIMEOUT_MS", "1000"),
        ("GEMINI_BREAKER_FAILURES", "1000"),
    ];
    let run = Run::start(suite, "gemini-failures", &overrides).await?;
    run.start_worker().await?;
    let user = TestUser::sign_up(&run).await?;
    let (cases, per_day) = cases();
    check_cases(&run, &user, &cases).await?;
    check_cases(&run, &user, &[per_day]).await?;
    let charged: i64 =
        run.db.value("SELECT coalesce(sum(messages), 0)::bigint FROM daily_usage", &[]).await?;
    let billable = "SELECT count(*) FROM messages WHERE message_type = 'user'
        AND (processing_status = 'completed' OR error_code IN ('no_answer', 'blocked_by_safety'))";
    let billable: i64 = run.db.value(billable, &[]).await?;
    check!(run, charged == billable, "{charged} quota units charged for {billable} answers and refusals");
    run.done(format!("{} kinds of failure", cases.len() + 1))
}

/// Sends a message for each case and checks its final state and the number of calls. The message
/// after them must be answered.
async fn check_cases(run: &Run, user: &TestUser, cases: &[Case]) -> Result<()> {
    let mut sent = Vec::new();
    for Case { step, is_permanent, .. } in cases {
        let text = unique("message");
        let script = json!({"match": text, "steps": [step], "forever": is_permanent});
        run.mocks.gemini("script", &script).await?;
        sent.push(user.send_text(run, &user.create_chatroom(run).await?, &text).await?);
    }
    run.wait_until_all_done(Duration::from_mins(2)).await?;
    for (Case { name, outcome, calls, .. }, message) in cases.iter().zip(sent) {
        let actual = (run.outcome(message.id).await?, run.gemini.calls(&message.text));
        let expected = (outcome.to_string(), *calls);
        check!(run, actual == expected, "{name}: outcome and calls are {actual:?}, not {expected:?}");
    }
    // The unavailable model's state is in Redis.
    run.empty_redis().await?;
    let answered = user.send_message(run, &user.create_chatroom(run).await?).await?;
    run.wait_until_all_done(Duration::from_mins(1)).await?;
    run.check_answers(&[answered]).await
}
