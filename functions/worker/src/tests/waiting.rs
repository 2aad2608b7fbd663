//! Waiting for Gemini's rate limit: it uses up no attempt, and it ends.

use std::time::Duration;

use clients::gemini::GenerateError;
use serde_json::json;
use testkit::{TestApp, TestUser};

use super::{deliver, overloaded, rewind, sent, start, status};

fn minute_quota(retry_delay: Duration) -> GenerateError {
    GenerateError::MinuteQuota { quota: "PerMinute".to_owned(), retry_delay: Some(retry_delay) }
}

fn daily_quota() -> GenerateError {
    GenerateError::DailyQuota { quota: "PerDay".to_owned() }
}

async fn start_with_quota(requests: &str) -> TestApp {
    TestApp::serving(chatroom::routes()).var("GEMINI_REQUESTS_PER_MINUTE", requests).start().await
}

/// Sends a message in a new chatroom and delivers it. Returns its id and whether SQS must deliver
/// it again.
async fn deliver_new(app: &TestApp, text: &str) -> (TestUser, String, bool) {
    let (user, _, id) = sent(app, text).await;
    let failures = deliver(app, &[&id]).await;
    (user, id, !failures.is_empty())
}

#[tokio::test]
async fn exceeded_minute_quota_uses_no_attempt_and_pauses_all_workers() {
    let app = start().await;
    app.model.fail_with(minute_quota(Duration::from_secs(20)));
    let (user, first, is_redelivered) = deliver_new(&app, "one").await;
    assert!(is_redelivered);
    let waiting = status(&app, &user, &first).await;
    assert_eq!((&waiting["processing_status"], &waiting["attempts"]), (&json!("pending"), &json!(0)));

    let (_, _, is_redelivered) = deliver_new(&app, "two").await;
    assert!(is_redelivered, "no worker calls Gemini before the retry delay is over");
    assert_eq!(app.model.prompts().len(), 1);

    rewind(&app, &app.app.config.gemini.models.basic().id, Duration::from_secs(20)).await;
    app.advance(Duration::from_secs(20));
    assert!(deliver(&app, &[&first]).await.is_empty());
    let answered = status(&app, &user, &first).await;
    assert_eq!((&answered["processing_status"], &answered["attempts"]), (&json!("completed"), &json!(1)));
}

#[tokio::test]
async fn waiting_messages_of_one_user_take_three_places_in_the_line() {
    let app = start_with_quota("1").await;
    assert!(!deliver_new(&app, "one").await.2);
    let user = app.user().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        let chatroom = app.create_chatroom(&user).await;
        let id = app.send_message(&user, &chatroom, "hello").await;
        assert_eq!(deliver(&app, &[&id]).await, [id.as_str()]);
        ids.push(id);
    }
    let waiting = "SELECT count(*) FROM generations WHERE wait_reason = 'rate_limit'";
    assert_eq!(app.query_value::<i64>(waiting).await, 3);
    assert!(deliver_new(&app, "another user's").await.2);
    let delay = app.queue.delays().last().unwrap().1;
    assert!(delay <= Duration::from_secs(4 * 62), "the fourth place, not the sixth: {delay:?}");

    let path = format!("/api/chatroom/message/{}/cancel", ids[0]);
    let _ = app.request("POST", &path).by(&user).send().await.expect(200);
    assert_eq!(deliver(&app, &[&ids[3]]).await, [ids[3].as_str()]);
    assert_eq!(status(&app, &user, &ids[3]).await["waiting_for"], "rate_limit");
}

#[tokio::test]
async fn configured_quota_limits_the_calls() {
    let app = start_with_quota("2").await;
    for text in ["one", "two"] {
        assert!(!deliver_new(&app, text).await.2);
    }
    let (user, id, is_redelivered) = deliver_new(&app, "three").await;
    assert!(is_redelivered);
    assert_eq!(app.model.prompts().len(), 2);
    let message = status(&app, &user, &id).await;
    assert_eq!((&message["processing_status"], &message["attempts"]), (&json!("pending"), &json!(0)));
    let delay = app.queue.delays().pop().unwrap().1;
    assert!((Duration::from_secs(30)..=Duration::from_secs(62)).contains(&delay), "{delay:?}");
    // The next message is behind it in the line: half a minute later, at two calls a minute.
    let (_, _, _) = deliver_new(&app, "four").await;
    let next = app.queue.delays().pop().unwrap().1;
    assert!(
        (Duration::from_secs(29)..=Duration::from_secs(33)).contains(&(next.saturating_sub(delay))),
        "{next:?}"
    );
}

#[tokio::test]
async fn message_that_waited_too_long_fails() {
    let app = start_with_quota("1").await;
    assert!(!deliver_new(&app, "one").await.2);
    let (user, id, is_redelivered) = deliver_new(&app, "two").await;
    assert!(is_redelivered);
    app.advance(Duration::from_mins(30));
    assert!(deliver(&app, &[&id]).await.is_empty());
    let failed = status(&app, &user, &id).await;
    assert_eq!(
        (&failed["processing_status"], &failed["error_code"]),
        (&json!("failed"), &json!("gemini_quota"))
    );
    let units = format!("SELECT messages FROM daily_usage WHERE user_id = '{}'", user.id);
    assert_eq!(app.query_value::<i32>(&units).await, 0);
    assert_eq!(app.model.prompts().len(), 1);
}

#[tokio::test]
async fn attempt_ends_the_waiting_time() {
    let app = start().await;
    app.model.fail_with(minute_quota(Duration::from_millis(100)));
    let (_, id, _) = deliver_new(&app, "one").await;
    assert!(app.query_value::<bool>("SELECT waiting_since IS NOT NULL FROM messages").await);
    rewind(&app, &app.app.config.gemini.models.basic().id, Duration::from_secs(1)).await;
    app.advance(Duration::from_secs(1));
    app.model.fail_with(overloaded());
    assert_eq!(deliver(&app, &[&id]).await, [id.as_str()]);
    assert!(app.query_value::<bool>("SELECT waiting_since IS NULL AND attempts = 1 FROM messages").await);
}

#[tokio::test]
async fn model_with_exhausted_daily_quota_is_replaced_by_the_fallback() {
    let app = start().await;
    app.model.fail_with(daily_quota());
    let (user, id, is_redelivered) = deliver_new(&app, "one").await;
    assert!(!is_redelivered);
    let answered = status(&app, &user, &id).await;
    assert_eq!((&answered["processing_status"], &answered["attempts"]), (&json!("completed"), &json!(1)));
    assert!(!deliver_new(&app, "two").await.2);
    let settings = &app.app.config.gemini;
    let fallback = settings.models.fallbacks().next().unwrap().id.as_str();
    let models: Vec<String> = app.model.prompts().into_iter().map(|prompt| prompt.model).collect();
    assert_eq!(models, [settings.models.basic().id.as_str(), fallback, fallback]);
}

#[tokio::test]
async fn missing_model_is_replaced_by_the_fallback() {
    let app = start().await;
    app.model.fail_with(GenerateError::ModelNotFound { model: "x".to_owned() });
    let (user, id, _) = deliver_new(&app, "one").await;
    assert_eq!(status(&app, &user, &id).await["processing_status"], "completed");
}

#[tokio::test]
async fn message_fails_fast_when_all_models_are_exhausted() {
    let app = TestApp::serving(chatroom::routes()).var("GEMINI_MODEL_FALLBACK", "none").start().await;
    app.model.fail_with(daily_quota());
    for text in ["one", "two"] {
        let (user, id, is_redelivered) = deliver_new(&app, text).await;
        let failed = status(&app, &user, &id).await;
        assert!(!is_redelivered);
        assert_eq!(
            (&failed["processing_status"], &failed["error_code"]),
            (&json!("failed"), &json!("gemini_quota"))
        );
    }
    assert_eq!(app.model.prompts().len(), 1);
}

#[tokio::test]
async fn circuit_breaker_opens_after_failures_and_closes_after_a_successful_probe() {
    let app = TestApp::serving(chatroom::routes())
        .var("GEMINI_BREAKER_FAILURES", "2")
        .var("GEMINI_BREAKER_PAUSE_MS", "30000")
        .start()
        .await;
    for text in ["one", "two"] {
        app.model.fail_with(overloaded());
        assert!(deliver_new(&app, text).await.2);
    }
    let (user, id, is_redelivered) = deliver_new(&app, "three").await;
    assert!(is_redelivered);
    assert_eq!(app.model.prompts().len(), 2, "the circuit breaker is open");
    assert_eq!(app.metrics.values("BreakerRefusals"), [1.0]);
    assert_eq!(status(&app, &user, &id).await["attempts"], 0);

    rewind(&app, &app.app.config.gemini.models.basic().id, Duration::from_secs(30)).await;
    app.model.fail_with(overloaded());
    assert!(deliver_new(&app, "a probe").await.2);
    assert!(deliver_new(&app, "four").await.2);
    assert_eq!(app.model.prompts().len(), 3, "the probe failed, so the circuit breaker is open again");

    rewind(&app, &app.app.config.gemini.models.basic().id, Duration::from_secs(30)).await;
    for text in ["another probe", "five"] {
        assert!(!deliver_new(&app, text).await.2);
    }
    assert_eq!(app.model.prompts().len(), 5);
}

#[tokio::test]
async fn worker_without_redis_takes_its_share_of_the_quota() {
    let app = TestApp::serving(chatroom::routes())
        .var("REDIS_URL", "redis://127.0.0.1:1")
        .var("GEMINI_REQUESTS_PER_MINUTE", "10")
        .var("WORKER_CONCURRENCY", "5")
        .start()
        .await;
    for text in ["one", "two"] {
        assert!(!deliver_new(&app, text).await.2);
    }
    let (user, id, is_redelivered) = deliver_new(&app, "three").await;
    assert!(is_redelivered);
    assert_eq!(app.model.prompts().len(), 2);
    app.advance(Duration::from_secs(63));
    assert!(deliver(&app, &[&id]).await.is_empty());
    assert_eq!(status(&app, &user, &id).await["attempts"], 1);
}

#[tokio::test]
async fn refusals_without_a_delay_make_few_calls_and_no_dead_letter() {
    let app = start().await;
    let (_, _, id) = sent(&app, "hello").await;
    let (model, started) = (&app.app.config.gemini.models.basic().id, app.app.clock.now());
    let mut deliveries = 0;
    while app.app.clock.now() < started + Duration::from_mins(4) {
        app.model.fail_with(minute_quota(Duration::ZERO));
        assert_eq!(deliver(&app, &[&id]).await, [id.as_str()]);
        deliveries += 1;
        let delay = app.queue.delays().last().unwrap().1;
        rewind(&app, model, delay).await;
        app.advance(delay + Duration::from_millis(1));
    }
    // Pauses of 1, 2, 4 ... 120 seconds.
    assert_eq!((app.model.prompts().len(), deliveries), (8, 8));
    let is_pending = "SELECT processing_status = 'pending' AND attempts = 0 FROM messages";
    assert!(app.query_value::<bool>(is_pending).await);
}

#[tokio::test]
async fn waits_grow_without_redis() {
    let app = TestApp::serving(chatroom::routes()).var("REDIS_URL", "redis://127.0.0.1:1").start().await;
    let (_, _, id) = sent(&app, "hello").await;
    // Each wait is as long as all before it, which the time of the deliveries adds to.
    let (mut least, mut most) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..5 {
        app.model.fail_with(minute_quota(Duration::ZERO));
        let started = app.app.clock.now();
        let _ = deliver(&app, &[&id]).await;
        let delivery = (app.app.clock.now() - started).to_std().unwrap();
        let delay = app.queue.delays().last().unwrap().1;
        most += delivery;
        // A second is the shortest wait, and SQS counts in whole seconds.
        let (shortest, longest) =
            (least.max(Duration::from_secs(1)), most.max(Duration::from_secs(1)) + Duration::from_secs(1));
        assert!((shortest..=longest).contains(&delay), "{delay:?}, not {shortest:?} to {longest:?}");
        // Postgres rounds the end of the wait to a microsecond.
        let advance = delay + Duration::from_millis(1);
        app.advance(advance);
        least += delay;
        most += advance;
    }
    assert!(least >= Duration::from_secs(16), "{least:?}");
}

#[tokio::test]
async fn row_says_what_the_message_waits_for() {
    let app = start().await;
    let (_, _, id) = sent(&app, "hello").await;
    let reason = "SELECT coalesce(wait_reason, 'none') FROM messages WHERE message_type = 'user'";
    app.model.fail_with(overloaded());
    let _ = deliver(&app, &[&id]).await;
    assert_eq!(app.query_value::<String>(reason).await, "retry");
    app.advance(Duration::from_secs(10));
    app.model.fail_with(minute_quota(Duration::from_secs(5)));
    let _ = deliver(&app, &[&id]).await;
    assert_eq!(app.query_value::<String>(reason).await, "rate_limit");
    let until: chrono::DateTime<chrono::Utc> =
        app.query_value("SELECT lease_until FROM messages WHERE message_type = 'user'").await;
    assert!(until >= app.app.clock.now() + Duration::from_secs(4));
    rewind(&app, &app.app.config.gemini.models.basic().id, Duration::from_secs(5)).await;
    app.advance(Duration::from_secs(5));
    assert!(deliver(&app, &[&id]).await.is_empty());
    assert_eq!(app.query_value::<String>(reason).await, "none");
}
