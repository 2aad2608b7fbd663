//! [`ModelRateLimiter`] with a real Redis.

use std::time::Duration;

use clients::gemini::{FinishReason, GenerateError, TokenUsage};
use clients::redis::model_rate_limiter::{
    BreakerSettings, CallOutcome, ModelCall, ModelLimits, ModelRateLimiter,
};
use domain::UserId;
use domain::message::{ErrorCode, WaitReason};
use domain::model_quota::{Admission, ModelQuota};
use testkit::TestApp;
use uuid::Uuid;

use super::{rewind, start};

const LIMITS: ModelLimits = ModelLimits {
    quota: ModelQuota { requests: 3, tokens: 1_000 },
    breaker: BreakerSettings { failures: 10, open_time: Duration::from_secs(30) },
    workers: 1,
};

/// A model that no other test calls.
struct Model<'a> {
    app: &'a TestApp,
    name: &'a str,
    limiter: ModelRateLimiter,
}

impl<'a> Model<'a> {
    fn of(app: &'a TestApp) -> Self {
        let limiter = ModelRateLimiter::new(app.app.redis.clone(), LIMITS);
        Self { app, name: &app.app.config.gemini.models.basic().id, limiter }
    }

    async fn admit_within(&self, id: Uuid, tokens: u32, has_waited: bool, max_wait: Duration) -> Admission {
        self.admit_of(new_user(), id, tokens, has_waited, max_wait).await
    }

    async fn admit_of(
        &self,
        user: UserId,
        id: Uuid,
        tokens: u32,
        has_waited: bool,
        max_wait: Duration,
    ) -> Admission {
        let call = ModelCall { model: self.name, user, waiting_id: id, id, tokens, has_waited, max_wait };
        self.limiter.admit(call, self.app.app.clock.now()).await
    }

    async fn admit(&self, id: Uuid, tokens: u32, has_waited: bool) -> Admission {
        self.admit_within(id, tokens, has_waited, Duration::from_mins(30)).await
    }

    /// Admits a new call, which must be granted.
    async fn grant(&self, tokens: u32) -> Uuid {
        let id = Uuid::new_v4();
        assert_eq!(self.admit(id, tokens, false).await, Admission::Granted);
        id
    }

    /// The seconds that a new call must wait.
    async fn wait(&self, tokens: u32) -> u64 {
        self.wait_of(new_user(), tokens).await
    }

    async fn wait_of(&self, user: UserId, tokens: u32) -> u64 {
        let (id, max_wait) = (Uuid::new_v4(), Duration::from_hours(1));
        match self.admit_of(user, id, tokens, false, max_wait).await {
            Admission::Wait(delay, WaitReason::RateLimit) => delay.as_secs(),
            other => panic!("{other:?}"),
        }
    }

    async fn record(&self, id: Uuid, outcome: CallOutcome) {
        self.record_of(UserId(Uuid::nil()), id, outcome).await;
    }

    async fn record_of(&self, user: UserId, id: Uuid, outcome: CallOutcome) -> Option<Duration> {
        self.limiter.record(self.name, id, user, outcome).await
    }

    /// Records `count` failed calls of `user`.
    async fn fail(&self, user: UserId, count: usize) {
        for _ in 0..count {
            let _ = self.record_of(user, Uuid::new_v4(), CallOutcome::Overloaded).await;
        }
    }

    /// Whether the circuit breaker keeps a new call waiting.
    async fn is_open(&self) -> bool {
        let admission = self.admit(Uuid::new_v4(), 1, true).await;
        matches!(admission, Admission::Wait(_, WaitReason::Outage))
    }

    /// Moves the times of the model's state back by `duration`: Redis measures time by its own
    /// clock, which a test cannot move.
    async fn rewind(&self, duration: Duration) {
        rewind(self.app, self.name, duration).await;
    }
}

fn new_user() -> UserId {
    UserId(Uuid::new_v4())
}

#[tokio::test]
async fn failures_of_one_user_never_open_the_circuit_breaker() {
    let app = start().await;
    let model = Model::of(&app);
    let (attacker, other) = (new_user(), new_user());
    model.fail(attacker, 100).await;
    assert!(!model.is_open().await);
    // The attacker counts for five of the ten failures.
    model.fail(other, 4).await;
    assert!(!model.is_open().await);
    model.fail(other, 1).await;
    assert!(model.is_open().await);
}

#[tokio::test]
async fn success_ends_the_count_of_failures() {
    let app = start().await;
    let model = Model::of(&app);
    let (one, two) = (new_user(), new_user());
    model.fail(one, 5).await;
    model.fail(two, 4).await;
    model.record(Uuid::new_v4(), CallOutcome::Responded { prompt_tokens: None }).await;
    model.fail(two, 5).await;
    assert!(!model.is_open().await);
}

#[tokio::test]
async fn repeated_failed_probes_of_one_user_do_not_keep_the_circuit_breaker_open() {
    let app = start().await;
    let model = Model::of(&app);
    let (attacker, other) = (new_user(), new_user());
    model.fail(attacker, 5).await;
    model.fail(other, 5).await;
    model.rewind(LIMITS.breaker.open_time).await;
    model.fail(attacker, 1).await;
    assert!(model.is_open().await, "the first failed probe opens it again");
    model.rewind(LIMITS.breaker.open_time).await;
    model.fail(attacker, 1).await;
    assert!(!model.is_open().await, "the second of the same user does not");
}

#[tokio::test]
async fn unusual_answers_do_not_count_for_the_circuit_breaker() {
    let unusual = [
        GenerateError::InvalidResponse { problem: "an example" },
        GenerateError::BlockedPrompt { reason: "SAFETY".to_owned() },
        GenerateError::Overloaded { status: 499, retry_delay: None },
        GenerateError::NoAnswer { finish_reason: FinishReason::Stop, usage: TokenUsage::default() },
    ];
    for error in unusual {
        let outcome = CallOutcome::from(&Err(error.clone()));
        assert_eq!(outcome, CallOutcome::Responded { prompt_tokens: None }, "{error}");
    }
    let overloaded = GenerateError::Overloaded { status: 503, retry_delay: None };
    for error in [overloaded, GenerateError::Timeout] {
        assert_eq!(CallOutcome::from(&Err(error.clone())), CallOutcome::Overloaded, "{error}");
    }
}

#[tokio::test]
async fn pause_doubles_with_each_refusal_without_a_delay() {
    let app = start().await;
    let model = Model::of(&app);
    let refused = CallOutcome::QuotaExceeded { retry_delay: Some(Duration::ZERO) };
    let mut pauses = Vec::new();
    for _ in 0..9 {
        let pause = model.record_of(new_user(), Uuid::new_v4(), refused).await.unwrap();
        // A call that was under way is refused too. It lengthens nothing.
        let again = model.record_of(new_user(), Uuid::new_v4(), refused).await.unwrap();
        assert!(again <= pause);
        pauses.push(pause.as_secs());
        model.rewind(pause).await;
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 120, 120]);
    model.record(Uuid::new_v4(), CallOutcome::Responded { prompt_tokens: None }).await;
    let pause = model.record_of(new_user(), Uuid::new_v4(), refused).await.unwrap();
    assert_eq!(pause.as_secs(), 1);
}

#[tokio::test]
async fn refusal_of_the_account_is_known_until_a_success() {
    let app = start().await;
    let model = Model::of(&app);
    assert_eq!(model.limiter.find_refusal(&[model.name]).await.unwrap(), None);
    model.record(Uuid::new_v4(), CallOutcome::Refused { code: ErrorCode::GeminiKeyRefused }).await;
    let refusal = model.limiter.find_refusal(&[model.name]).await.unwrap();
    assert_eq!(refusal.as_deref(), Some("gemini_key_refused"));
    model.record(Uuid::new_v4(), CallOutcome::Responded { prompt_tokens: None }).await;
    assert_eq!(model.limiter.find_refusal(&[model.name]).await.unwrap(), None);
    model.record(Uuid::new_v4(), CallOutcome::Refused { code: ErrorCode::GeminiKeyRefused }).await;
    model.rewind(Duration::from_mins(16)).await;
    assert_eq!(model.limiter.find_refusal(&[model.name]).await.unwrap(), None);
}

#[tokio::test]
async fn waiting_calls_form_a_line() {
    let app = start().await;
    let model = Model::of(&app);
    for _ in 0..3 {
        model.grant(1).await;
    }
    let waits = [model.wait(1).await, model.wait(1).await, model.wait(1).await];
    assert!((60..=62).contains(&waits[0]), "{waits:?}");
    // Three calls a minute are one every twenty seconds.
    assert!((20..=22).contains(&(waits[1] - waits[0])), "{waits:?}");
    assert!((20..=22).contains(&(waits[2] - waits[1])), "{waits:?}");
}

#[tokio::test]
async fn user_who_cancels_and_sends_again_does_not_lengthen_the_line_of_others() {
    let app = start().await;
    let model = Model::of(&app);
    for _ in 0..3 {
        model.grant(1).await;
    }
    let user = new_user();
    let waits = [model.wait_of(user, 1).await, model.wait_of(user, 1).await, model.wait_of(user, 1).await];
    assert!(waits[0] + 38 < waits[2], "three calls of one user are three places: {waits:?}");
    for _ in 0..20 {
        let wait = model.wait_of(user, 1).await;
        assert!(wait + 2 >= waits[2] && wait <= waits[2], "the last place is taken over: {wait}, {waits:?}");
    }
    let other = model.wait(1).await;
    assert!((18..=22).contains(&(other - waits[2])), "one place behind the user's three: {other}, {waits:?}");
}

#[tokio::test]
async fn call_that_has_waited_need_not_join_the_line_again() {
    let app = start().await;
    let model = Model::of(&app);
    let call = model.grant(900).await;
    assert!(model.wait(200).await > 0);
    // The prompt was smaller than reserved, so quota is available again; but one call is in line.
    model.record(call, CallOutcome::Responded { prompt_tokens: Some(1) }).await;
    assert!(matches!(model.admit(Uuid::new_v4(), 1, false).await, Admission::Wait(..)));
    assert_eq!(model.admit(Uuid::new_v4(), 1, true).await, Admission::Granted);
}

#[tokio::test]
async fn call_that_narrowly_misses_its_turn_does_not_rejoin_a_line_that_is_too_long() {
    let app = start().await;
    let model = Model::of(&app);
    for _ in 0..3 {
        model.grant(1).await;
    }
    for _ in 0..60 {
        model.wait(1).await;
    }
    // The line is 20 minutes long by now. This call has waited and has two minutes left.
    let max_wait = Duration::from_mins(2);
    let admission = model.admit_within(Uuid::new_v4(), 1, true, max_wait).await;
    assert!(matches!(admission, Admission::Wait(delay, _) if delay <= max_wait), "{admission:?}");
}

#[tokio::test]
async fn pause_after_a_429_is_bounded() {
    let app = start().await;
    let model = Model::of(&app);
    let retry_delay = Some(Duration::from_hours(11));
    model.record(Uuid::new_v4(), CallOutcome::QuotaExceeded { retry_delay }).await;
    assert!((100..=120).contains(&model.wait(1).await));
}

#[tokio::test]
async fn reserved_tokens_are_corrected() {
    let app = start().await;
    let model = Model::of(&app);
    let call = model.grant(900).await;
    assert!(model.wait(200).await >= 55);
    model.record(call, CallOutcome::Responded { prompt_tokens: Some(100) }).await;
    assert_eq!(model.admit(Uuid::new_v4(), 900, true).await, Admission::Granted);
    assert!(matches!(model.admit(Uuid::new_v4(), 1, true).await, Admission::Wait(..)));
}

#[tokio::test]
async fn repeated_admission_of_one_call_counts_once() {
    let app = start().await;
    let model = Model::of(&app);
    let call = Uuid::new_v4();
    for _ in 0..5 {
        assert_eq!(model.admit(call, 400, false).await, Admission::Granted);
    }
    assert_eq!(model.admit(Uuid::new_v4(), 600, false).await, Admission::Granted);
}

#[tokio::test]
async fn parallel_calls_stay_within_the_quota() {
    let app = start().await;
    let model = Model::of(&app);
    let calls = (0..40).map(|_| model.admit(Uuid::new_v4(), 1, false));
    let admissions = futures::future::join_all(calls).await;
    assert_eq!(admissions.iter().filter(|admission| **admission == Admission::Granted).count(), 3);
}
