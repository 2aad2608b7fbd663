//! [`ModelRateLimiter`] with a real Redis.

use std::time::Duration;

use clients::redis::model_rate_limiter::{
    BreakerSettings, CallOutcome, ModelCall, ModelLimits, ModelRateLimiter,
};
use domain::model_quota::{Admission, ModelQuota, WaitReason};
use testkit::TestApp;
use uuid::Uuid;

use super::start;

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
        Self { app, name: &app.app.config.gemini.model_basic, limiter }
    }

    async fn admit_within(&self, id: Uuid, tokens: u32, has_waited: bool, max_wait: Duration) -> Admission {
        let call = ModelCall { model: self.name, id, tokens, has_waited, max_wait };
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
        match self.admit(Uuid::new_v4(), tokens, false).await {
            Admission::Wait(delay, WaitReason::Quota) => delay.as_secs(),
            other => panic!("{other:?}"),
        }
    }

    async fn record(&self, id: Uuid, outcome: CallOutcome) {
        self.limiter.record(self.name, id, outcome).await;
    }
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
