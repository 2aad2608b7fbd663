//! Taking turns, as the script in Redis has it.

use std::time::Duration;

use clients::redis::model_rate_limit::{Ask, BreakerSettings, Settlement};
use domain::model_quota::{Admission, ModelQuota, WaitReason};
use testkit::TestApp;
use uuid::Uuid;

use super::start;

const QUOTA: ModelQuota = ModelQuota { requests: 3, tokens: 1_000 };
const BREAKER: BreakerSettings = BreakerSettings { failures: 10, pause: Duration::from_secs(30) };

/// A model that nobody else asks.
struct Model<'a> {
    app: &'a TestApp,
    name: &'a str,
}

impl<'a> Model<'a> {
    fn of(app: &'a TestApp) -> Self {
        Self { app, name: &app.app.config.gemini.model_basic }
    }

    async fn ask(&self, call: Uuid, tokens: u32, has_waited: bool) -> Admission {
        let patience = Duration::from_mins(30);
        let ask = Ask { model: self.name, call, tokens, has_waited, patience };
        self.app.app.redis.admit(ask, QUOTA).await.unwrap()
    }

    async fn go(&self, tokens: u32) -> Uuid {
        let call = Uuid::new_v4();
        assert_eq!(self.ask(call, tokens, false).await, Admission::Go);
        call
    }

    /// How many seconds a newcomer would wait.
    async fn wait(&self, tokens: u32) -> u64 {
        match self.ask(Uuid::new_v4(), tokens, false).await {
            Admission::Wait(delay, WaitReason::Quota) => delay.as_secs(),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn those_who_wait_stand_in_line() {
    let app = start().await;
    let model = Model::of(&app);
    for _ in 0..3 {
        model.go(1).await;
    }
    let waits = [model.wait(1).await, model.wait(1).await, model.wait(1).await];
    assert!((60..=62).contains(&waits[0]), "{waits:?}");
    // Three calls a minute are one every twenty seconds.
    assert!((20..=22).contains(&(waits[1] - waits[0])), "{waits:?}");
    assert!((20..=22).contains(&(waits[2] - waits[1])), "{waits:?}");
}

#[tokio::test]
async fn one_who_has_waited_need_not_stand_in_line_again() {
    let app = start().await;
    let model = Model::of(&app);
    let call = model.go(900).await;
    assert!(model.wait(200).await > 0);
    // There is room again, for the prompt was smaller than thought; but one stands in line.
    let settlement = Settlement::Well { prompt_tokens: Some(1) };
    app.app.redis.settle(model.name, call, settlement, BREAKER).await.unwrap();
    assert!(matches!(model.ask(Uuid::new_v4(), 1, false).await, Admission::Wait(..)));
    assert_eq!(model.ask(Uuid::new_v4(), 1, true).await, Admission::Go);
}

#[tokio::test]
async fn one_who_misses_its_turn_by_a_moment_does_not_fail_for_want_of_time() {
    let app = start().await;
    let model = Model::of(&app);
    for _ in 0..3 {
        model.go(1).await;
    }
    for _ in 0..60 {
        model.wait(1).await;
    }
    // The line is 20 minutes long by now; this one has waited and has two minutes left.
    let patience = Duration::from_mins(2);
    let ask = Ask { model: model.name, call: Uuid::new_v4(), tokens: 1, has_waited: true, patience };
    let admission = app.app.redis.admit(ask, QUOTA).await.unwrap();
    assert!(matches!(admission, Admission::Wait(delay, _) if delay <= patience), "{admission:?}");
}

#[tokio::test]
async fn no_429_keeps_everybody_waiting_for_hours() {
    let app = start().await;
    let model = Model::of(&app);
    let settlement = Settlement::QuotaExceeded { retry_delay: Some(Duration::from_hours(11)) };
    app.app.redis.settle(model.name, Uuid::new_v4(), settlement, BREAKER).await.unwrap();
    assert!((100..=120).contains(&model.wait(1).await));
}

#[tokio::test]
async fn tokens_are_reserved_and_corrected() {
    let app = start().await;
    let model = Model::of(&app);
    let call = model.go(900).await;
    assert!(model.wait(200).await >= 55);
    let settlement = Settlement::Well { prompt_tokens: Some(100) };
    app.app.redis.settle(model.name, call, settlement, BREAKER).await.unwrap();
    assert_eq!(model.ask(Uuid::new_v4(), 900, true).await, Admission::Go);
    assert!(matches!(model.ask(Uuid::new_v4(), 1, true).await, Admission::Wait(..)));
}

#[tokio::test]
async fn asking_again_for_the_same_call_counts_once() {
    let app = start().await;
    let model = Model::of(&app);
    let call = Uuid::new_v4();
    for _ in 0..5 {
        assert_eq!(model.ask(call, 400, false).await, Admission::Go);
    }
    assert_eq!(model.ask(Uuid::new_v4(), 600, false).await, Admission::Go);
}

#[tokio::test]
async fn calls_at_once_are_as_many_as_the_quota_allows() {
    let app = start().await;
    let model = Model::of(&app);
    let asks = (0..40).map(|_| model.ask(Uuid::new_v4(), 1, false));
    let admissions = futures::future::join_all(asks).await;
    assert_eq!(admissions.iter().filter(|admission| **admission == Admission::Go).count(), 3);
}
