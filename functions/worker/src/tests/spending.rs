//! Tokens, costs, and the spending caps.

use std::time::Duration;

use chrono::TimeDelta;
use clients::gemini::{FinishReason, GenerateError, TokenUsage};
use domain::quota;
use futures::future::join_all;
use serde_json::{Value, json};
use testkit::{TestApp, TestAppBuilder, TestUser};
use uuid::Uuid;

use super::{deliver, overloaded, sent, status};

/// The model costs a micro-dollar for each token of the prompt, half of that for a cached one, and two
/// for each token of the answer. An answer has at most 10 tokens, so a call with the question `hello`
/// costs at most `5 + 4 + 2 * 10`.
const CALL: i64 = 29;
/// What the fake model uses: 7 tokens in, 3 tokens out.
pub(super) const COST: i64 = 13;

/// As [`TestApp::serving`], with a price and caps. A chatroom has no long history, so the check for the
/// largest call, which only the real worker makes, is not needed.
pub(super) fn with_caps(user: Option<i64>, service: Option<i64>) -> TestAppBuilder {
    let model = format!("priced-{}", Uuid::new_v4().simple());
    let price = json!({ "prompt": 1_000_000, "cached": 500_000, "output": 2_000_000 });
    let list = json!([{ "id": model, "plans": ["basic", "pro"], "max_output_tokens": 10, "price": price }]);
    let cap = |cap: Option<i64>| cap.map(|cap| cap.to_string()).unwrap_or_default();
    TestApp::serving(chatroom::routes())
        .var("GEMINI_MODELS", &list.to_string())
        .var("GEMINI_MODEL_BASIC", &model)
        .var("GEMINI_MODEL_PRO", &model)
        .var("GEMINI_MODEL_FALLBACK", "none")
        .var("GEMINI_THINKING_TOKENS", "0")
        .var("BASIC_DAILY_MESSAGE_LIMIT", "1000")
        .var("SPEND_CAP_USER_MICRO_USD", &cap(user))
        .var("SPEND_CAP_SERVICE_MICRO_USD", &cap(service))
}

/// The cost and what is reserved: of all users, and of the service.
async fn sums(app: &TestApp) -> [i64; 4] {
    let sums: Vec<i64> = app
        .query_value(
            "SELECT ARRAY[(SELECT coalesce(sum(cost_micro_usd), 0) FROM daily_usage)::bigint,
                (SELECT coalesce(sum(reserved_micro_usd), 0) FROM daily_usage)::bigint,
                (SELECT coalesce(sum(cost_micro_usd), 0) FROM service_spending)::bigint,
                (SELECT coalesce(sum(reserved_micro_usd), 0) FROM service_spending)::bigint]",
        )
        .await;
    sums.try_into().unwrap()
}

async fn reservations(app: &TestApp) -> i64 {
    app.query_value("SELECT count(*) FROM spending_reservations").await
}

/// Moves the clock to `before` the end of the day.
fn advance_to_evening(app: &TestApp, before: Duration) {
    let now = app.app.clock.now();
    let evening = quota::resets_at(now) + TimeDelta::days(1) - before;
    app.advance((evening - now).to_std().unwrap());
}

async fn send(app: &TestApp, user: &TestUser, chatroom: &str) -> testkit::Response {
    let path = format!("/api/chatroom/{chatroom}/message");
    app.request("POST", &path).by(user).json(json!({ "content": "hello" })).send().await
}

#[tokio::test]
async fn tokens_and_cost_are_counted_for_the_answer_and_the_day() {
    let app = with_caps(None, None).start().await;
    let (_, _, id) = sent(&app, "hello").await;
    let usage = TokenUsage { prompt_tokens: 100, cached_tokens: 40, response_tokens: 20, thought_tokens: 5 };
    app.model.fail_with(GenerateError::NoAnswer { finish_reason: FinishReason::Stop, usage });
    assert!(deliver(&app, &[&id]).await.is_empty());
    let counted = |table: &str| {
        format!(
            "SELECT ARRAY[prompt_tokens, cached_tokens, response_tokens, thought_tokens, cost_micro_usd]::bigint[] FROM {table}"
        )
    };
    // Both calls together: 107 tokens in, of which 40 are cached, and 23 out.
    let expected = vec![107, 40, 23, 5, 67 + 20 + 46];
    assert_eq!(app.query_value::<Vec<i64>>(&counted("generations")).await, expected);
    assert_eq!(app.query_value::<Vec<i64>>(&counted("daily_usage")).await, expected);
    assert_eq!(app.query_value::<i32>("SELECT unpriced_calls FROM daily_usage").await, 0);
    // Without caps nothing is reserved, and the service's spending is not counted.
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM service_spending").await, 0);
}

#[tokio::test]
async fn models_without_a_price_are_counted() {
    let app = super::start().await;
    let (_, _, id) = sent(&app, "hello").await;
    assert!(deliver(&app, &[&id]).await.is_empty());
    let counted = "SELECT cost_micro_usd = 0 AND unpriced_calls = 1 FROM daily_usage";
    assert!(app.query_value::<bool>(counted).await);
}

#[tokio::test]
async fn cost_takes_the_place_of_the_reservation() {
    let app = with_caps(Some(1_000), Some(1_000)).start().await;
    let (_, _, id) = sent(&app, "hello").await;
    app.model.hold();
    let look = async {
        app.model.wait_for_calls(1).await;
        assert_eq!(sums(&app).await, [0, CALL, 0, CALL]);
        app.model.release();
    };
    let ids = [id.as_str()];
    let (undelivered, ()) = tokio::join!(deliver(&app, &ids), look);
    assert!(undelivered.is_empty());
    assert_eq!(sums(&app).await, [COST, 0, COST, 0]);
    assert_eq!(reservations(&app).await, 0);
}

#[tokio::test]
async fn call_that_google_refused_costs_nothing_and_one_with_an_unknown_end_costs_the_most() {
    let app = with_caps(Some(1_000), Some(1_000)).start().await;
    for (error, cost) in [
        (overloaded(), 0),
        (GenerateError::MinuteQuota { quota: "X".to_owned(), retry_delay: None }, 0),
        (GenerateError::BlockedPrompt { reason: "SAFETY".to_owned() }, 0),
        (GenerateError::Unreachable { cause: "refused".to_owned() }, 0),
        (GenerateError::Timeout, CALL),
        (GenerateError::ConnectionLost { cause: "reset".to_owned() }, CALL),
    ] {
        app.execute(
            "UPDATE daily_usage SET cost_micro_usd = 0; UPDATE service_spending SET cost_micro_usd = 0",
        )
        .await;
        let (_, _, id) = sent(&app, "hello").await;
        let calls = app.model.prompts().len();
        app.model.fail_with(error.clone());
        let _ = deliver(&app, &[&id]).await;
        assert_eq!(app.model.prompts().len(), calls + 1, "{error}");
        assert_eq!(sums(&app).await, [cost, 0, cost, 0], "{error}");
        assert_eq!(reservations(&app).await, 0, "{error}");
        super::rewind(&app, &app.app.config.gemini.models.basic().id, Duration::from_mins(3)).await;
    }
}

#[tokio::test]
async fn nothing_stays_reserved_when_the_rate_limit_allows_no_call() {
    let app = with_caps(Some(1_000), Some(1_000)).var("GEMINI_REQUESTS_PER_MINUTE", "1").start().await;
    for _ in 0..2 {
        let (_, _, id) = sent(&app, "hello").await;
        let _ = deliver(&app, &[&id]).await;
    }
    assert_eq!(app.model.prompts().len(), 1);
    assert_eq!(sums(&app).await, [COST, 0, COST, 0]);
    assert_eq!(reservations(&app).await, 0);
}

#[tokio::test]
async fn call_that_a_cap_forbids_uses_no_quota_of_the_model() {
    let app = with_caps(Some(CALL), None).var("GEMINI_REQUESTS_PER_MINUTE", "1").start().await;
    let (_, _, refused) = sent(&app, "hello").await;
    app.execute("UPDATE daily_usage SET cost_micro_usd = 1").await;
    let _ = deliver(&app, &[&refused]).await;
    assert!(app.model.prompts().is_empty());
    let (_, _, id) = sent(&app, "hello").await;
    assert!(deliver(&app, &[&id]).await.is_empty());
    assert_eq!(app.model.prompts().len(), 1);
}

#[tokio::test]
async fn message_waits_for_the_reset_of_the_cap_and_is_answered_then() {
    let app = with_caps(None, Some(CALL + COST - 1)).start().await;
    advance_to_evening(&app, Duration::from_mins(20));
    let (user, _, first) = sent(&app, "hello").await;
    let (other, chatroom, second) = sent(&app, "hello").await;
    assert!(deliver(&app, &[&first]).await.is_empty());
    assert_eq!(deliver(&app, &[&second]).await, [second.as_str()]);
    let waiting = status(&app, &other, &second).await;
    let expected = (json!("pending"), json!("spend_cap"), json!(0));
    assert_eq!(
        (waiting["processing_status"].clone(), waiting["waiting_for"].clone(), waiting["attempts"].clone()),
        expected
    );
    // The release before reads a reason that it knows.
    let reason = format!("SELECT wait_reason FROM messages WHERE id = '{second}'");
    assert_eq!(app.query_value::<String>(&reason).await, "rate_limit");

    let refused = send(&app, &other, &chatroom).await.expect_problem(503, "spend_cap_reached");
    assert_eq!(refused.body["scope"], "service");
    assert_eq!(
        refused.text("/resets_at"),
        quota::resets_at(app.app.clock.now()).to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
    );
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1_100..=1_200).contains(&wait), "{wait}");
    let units = format!("SELECT messages FROM daily_usage WHERE user_id = '{}'", other.id);
    assert_eq!(app.query_value::<i32>(&units).await, 1, "a refused message costs no unit");

    app.advance(Duration::from_mins(26));
    assert!(deliver(&app, &[&second]).await.is_empty());
    assert_eq!(status(&app, &other, &second).await["processing_status"], "completed");
    let _ = send(&app, &user, &app.create_chatroom(&user).await).await.expect(201);
}

#[tokio::test]
async fn message_fails_and_is_refunded_when_the_reset_is_too_far_away() {
    let app = with_caps(Some(CALL + COST - 1), None).start().await;
    advance_to_evening(&app, Duration::from_hours(2));
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    let first = app.send_message(&user, &chatroom, "hello").await;
    let second = app.send_message(&user, &chatroom, "hello").await;
    assert!(deliver(&app, &[&first, &second]).await.is_empty());
    let failed = status(&app, &user, &second).await;
    assert_eq!(
        (&failed["processing_status"], &failed["error_code"]),
        (&json!("failed"), &json!("spend_cap_reached"))
    );
    assert_eq!(app.query_value::<i32>("SELECT messages FROM daily_usage").await, 1);
    let code = format!("SELECT error_code FROM messages WHERE id = '{second}'");
    assert_eq!(app.query_value::<String>(&code).await, "gemini_quota");

    let path = format!("/api/chatroom/message/{second}/retry");
    let retry = app.request("POST", &path).by(&user).send().await.expect_problem(503, "spend_cap_reached");
    assert_eq!(retry.body["scope"], "user");
    let path = format!("/api/chatroom/message/{first}/regenerate");
    let _ = app.request("POST", &path).by(&user).send().await.expect_problem(503, "spend_cap_reached");
    let path = format!("/api/chatroom/message/{first}/edit");
    let edit = app.request("POST", &path).by(&user).json(json!({ "content": "hello" }));
    let _ = edit.send().await.expect_problem(503, "spend_cap_reached");
    assert_eq!(app.query_value::<i32>("SELECT messages FROM daily_usage").await, 1);
    // Other users go on.
    let (other, _, id) = sent(&app, "hello").await;
    assert!(deliver(&app, &[&id]).await.is_empty());
    assert_eq!(status(&app, &other, &id).await["processing_status"], "completed");
}

#[tokio::test]
async fn second_call_is_not_made_when_the_cap_leaves_too_little() {
    let app = with_caps(Some(CALL + 7), None).start().await;
    let (user, _, id) = sent(&app, "hello").await;
    let usage = TokenUsage { prompt_tokens: 8, ..TokenUsage::default() };
    app.model.fail_with(GenerateError::NoAnswer { finish_reason: FinishReason::Stop, usage });
    assert_eq!(deliver(&app, &[&id]).await, [id.as_str()]);
    assert_eq!(app.model.prompts().len(), 1);
    assert_eq!(sums(&app).await, [8, 0, 0, 0]);
    assert_eq!(status(&app, &user, &id).await["attempts"], 1);
}

/// Delivers the questions of as many users at once, and returns how many calls were made.
async fn calls_at_once(app: &TestApp, count: usize) -> usize {
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(sent(app, "hello").await.2);
    }
    let deliveries = ids.iter().map(|id| async { deliver(app, &[id]).await });
    let _: Vec<Vec<String>> = join_all(deliveries).await;
    app.model.prompts().len()
}

#[tokio::test]
async fn parallel_workers_never_exceed_the_cap_of_the_service() {
    let app = with_caps(None, Some(2 * CALL)).start().await;
    app.model.hold();
    let release = async {
        app.model.wait_for_calls(2).await;
        // All others have been refused, or wait for the lock.
        app.model.release();
    };
    let (calls, ()) = tokio::join!(calls_at_once(&app, 12), release);
    let [cost, reserved, service, _] = sums(&app).await;
    assert!((2..=4).contains(&calls), "{calls} calls");
    assert!(service <= 2 * CALL && cost == service, "{cost} {service}");
    assert_eq!(reserved, 0);
}

#[tokio::test]
async fn parallel_workers_never_exceed_the_cap_of_a_user_without_redis() {
    let app = with_caps(Some(CALL), Some(1_000_000)).var("REDIS_URL", "redis://127.0.0.1:1").start().await;
    let user = app.user().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let chatroom = app.create_chatroom(&user).await;
        ids.push(app.send_message(&user, &chatroom, "hello").await);
    }
    app.model.hold();
    let release = async {
        app.model.wait_for_calls(1).await;
        app.model.release();
    };
    let deliveries = ids.iter().map(|id| async { deliver(&app, &[id]).await });
    let (undelivered, ()) = tokio::join!(join_all(deliveries), release);
    let [cost, reserved, ..] = sums(&app).await;
    assert!(cost <= CALL, "{cost}");
    assert_eq!((reserved, app.model.prompts().len()), (0, 1), "{undelivered:?}");
}

#[tokio::test]
async fn raised_cap_takes_effect_at_once() {
    let app = with_caps(Some(CALL), None).start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    app.execute(&format!(
        "INSERT INTO daily_usage (user_id, day, reached_cap_micro_usd) VALUES ('{}', '{}', {CALL})",
        user.id,
        app.app.clock.now().date_naive()
    ))
    .await;
    let _ = send(&app, &user, &chatroom).await.expect_problem(503, "spend_cap_reached");
    app.execute("UPDATE daily_usage SET reached_cap_micro_usd = reached_cap_micro_usd - 1").await;
    let _ = send(&app, &user, &chatroom).await.expect(201);
}

#[tokio::test]
async fn idempotent_message_is_accepted_once_the_cap_is_reset() {
    let app = with_caps(None, Some(CALL)).start().await;
    let (user, chatroom, _) = sent(&app, "hello").await;
    app.execute(&format!(
        "INSERT INTO service_spending (day, cost_micro_usd) VALUES ('{}', {CALL})",
        app.app.clock.now().date_naive()
    ))
    .await;
    let key = Uuid::new_v4().to_string();
    let send = async || {
        let path = format!("/api/chatroom/{chatroom}/message");
        let request = app.request("POST", &path).by(&user).header("idempotency-key", &key);
        request.json(json!({ "content": "hello" })).send().await
    };
    let _ = send().await.expect_problem(503, "spend_cap_reached");
    app.execute("DELETE FROM service_spending").await;
    let accepted: Value = send().await.expect(201).body;
    assert_eq!(accepted["message"]["processing_status"], "pending");
}
