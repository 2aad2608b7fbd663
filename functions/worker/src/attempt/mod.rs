//! One attempt at one message: call Gemini, then store the answer, schedule a retry, or mark the
//! message failed or cancelled.

mod storing;

use std::cell::Cell;
use std::time::Duration;

use app::metrics::MetricEvent;
use app::telemetry::chain;
use app::{AppState, rng};
use chrono::{DateTime, Utc};
use clients::gemini::{Answer, GenerateError, TokenUsage};
use clients::redis::live_text::Ending;
use clients::redis::model_rate_limiter::CallOutcome;
use clients::table::jobs::JobRecord;
use domain::message::{ErrorCode, ProcessingStatus, WaitReason};
use domain::spending::Cost;
use domain::{MessageId, TraceContext, UserId, backoff, title};
use rand::RngExt;
use services::spending::{CallSpending, count_use};
use store::generations::cancelling;
use store::generations::claiming::ClaimedGeneration;
use store::generations::processing::{self, Lease};
use store::{StoreError, with_timeout};
use tracing::{error, info, warn};

use crate::answer_cache;
use crate::deferred::Deferred;
use crate::generation::{Called, Generation, GenerationRequest, generate};
use crate::live_answer::LiveAnswer;
use crate::outcome::{DeliveryError, Outcome, STATEMENT_TIMEOUT, STORE_MARGIN};
use crate::prompt::prompt;

/// What an attempt needs besides its generation.
#[derive(Clone, Copy)]
pub(crate) struct AttemptContext<'a> {
    pub(crate) app: &'a AppState,
    /// When Lambda stops the function.
    pub(crate) deadline: DateTime<Utc>,
    pub(crate) live: &'a LiveAnswer<'a>,
    pub(crate) deferred: &'a Deferred,
    /// The attempt in the trace of its request.
    pub(crate) trace: TraceContext,
}

/// An attempt at a generation whose lease this worker holds.
pub(crate) struct Attempt<'a> {
    app: &'a AppState,
    lease: Lease,
    question_id: MessageId,
    user_id: UserId,
    /// The number of this attempt, from 1.
    number: i32,
    /// When the message was accepted.
    accepted_at: DateTime<Utc>,
    /// Whether this is the first attempt since then.
    is_first: bool,
    started_at: DateTime<Utc>,
    /// Since when the message has waited for Gemini's rate limit, the end of an outage or the reset of
    /// a spending cap, if it has.
    waiting_since: Option<DateTime<Utc>>,
    /// When Lambda stops the function.
    deadline: DateTime<Utc>,
    /// The name of the chatroom until its title is made, if it wants one.
    first_words: Option<String>,
    /// What is reserved for the calls.
    spending: Cell<CallSpending>,
    /// What the calls have cost.
    cost: Cell<Cost>,
    live: &'a LiveAnswer<'a>,
    deferred: &'a Deferred,
    /// The attempt in the trace of its request.
    trace: TraceContext,
}

impl<'a> Attempt<'a> {
    pub(crate) fn new(context: AttemptContext<'a>, lease: Lease, work: &ClaimedGeneration) -> Self {
        let AttemptContext { app, deadline, live, deferred, trace } = context;
        Self {
            app,
            lease,
            question_id: work.question_id,
            user_id: work.user_id,
            number: work.attempt,
            accepted_at: work.accepted_at,
            is_first: work.attempt == 1 && work.waiting_since.is_none(),
            started_at: app.clock.now(),
            waiting_since: work.waiting_since,
            deadline,
            first_words: work.wants_title.then(|| title::first_words(&work.content)),
            spending: Cell::new(CallSpending::new(app, lease.owner, work.user_id)),
            cost: Cell::default(),
            live,
            deferred,
            trace,
        }
    }

    /// Makes the attempt.
    pub(crate) async fn run(&self, work: ClaimedGeneration) -> Result<Outcome, DeliveryError> {
        if work.is_cancel_requested {
            self.cancel(false).await?;
            return Ok(Outcome::Delete);
        }
        if self.number > self.app.config.worker.max_attempts {
            return self.fail(ErrorCode::Internal, "every earlier attempt was interrupted", None).await;
        }
        let mut request = GenerationRequest {
            prompt: prompt(&self.app.config.gemini, work),
            user_id: self.user_id,
            generation_id: self.lease.generation_id,
            call_id: self.lease.owner,
            waiting_since: self.waiting_since,
            max_wait: self.max_wait(),
            deadline: self.deadline - STORE_MARGIN,
            spending: self.spending.get(),
            trace: self.trace,
        };
        if let Some(answer) = answer_cache::find(self.app, self.user_id, &request.prompt).await {
            self.live.push(&answer.text);
            return self.complete(&answer).await;
        }
        let generation = self.live.flush_while(Box::pin(generate(self.app, &mut request, self.live))).await?;
        self.spending.set(request.spending);
        if !matches!(generation, Generation::Called(_)) {
            request.spending.release(self.app).await;
        }
        match generation {
            Generation::Called(called) => self.conclude(&request, &called).await,
            Generation::Wait(delay, reason) => self.postpone(delay, reason, "a limit is reached").await,
            Generation::NoModelAvailable => {
                self.fail(ErrorCode::GeminiQuota, "all models are exhausted for today", None).await
            }
        }
    }

    /// Reports the result of a call to the rate limiter and applies it to the message.
    async fn conclude(&self, request: &GenerationRequest, called: &Called) -> Result<Outcome, DeliveryError> {
        let models = &self.app.config.gemini.models;
        self.cost.set(request.spending.cost(models, &called.model, &called.result, called.usage));
        count_use(self.app, &called.model, called.usage, self.cost.get());
        if let Err(GenerateError::Stopped { usage }) = &called.result
            && *usage == TokenUsage::default()
        {
            // Gemini had not responded, which says nothing about its health.
            return self.apply(request, called).await;
        }
        let limiter = &self.app.model_rate_limiter;
        let call = CallOutcome::from(&called.result);
        let record = limiter.record(&called.model, request.call_id, self.user_id, call);
        if let Err(error @ GenerateError::MinuteQuota { retry_delay, .. }) = &called.result {
            // The limiter's pause grows with each refusal. Without Redis, the message's own wait
            // grows.
            self.count_tokens(called.usage, None).await;
            let pause = record.await.unwrap_or_else(|| backoff::growing_wait(self.waited(), *retry_delay));
            let delay = pause.max(retry_delay.unwrap_or_default());
            return self.postpone(delay, WaitReason::RateLimit, &chain(error)).await;
        }
        let (outcome, _) = tokio::join!(self.apply(request, called), record);
        outcome
    }

    /// Applies the result of a call to the message.
    async fn apply(&self, request: &GenerationRequest, called: &Called) -> Result<Outcome, DeliveryError> {
        let error = match &called.result {
            Ok(answer) => {
                let answer = Answer { usage: called.usage, ..answer.clone() };
                let (outcome, ()) = tokio::join!(
                    self.complete(&answer),
                    answer_cache::store(self.app, self.user_id, &request.prompt, &answer),
                );
                return outcome;
            }
            Err(error) => error,
        };
        self.count_tokens(called.usage, None).await;
        if matches!(error, GenerateError::Stopped { .. }) {
            self.cancel(false).await?;
            return Ok(Outcome::Delete);
        }
        if error.needs_operator() {
            error!(error = chain(error), model = called.model, "Gemini refuses the account");
        }
        let is_unasked = matches!(error, GenerateError::NoAnswer { .. }) && !called.is_final;
        // The fallback was not called, because text of the first model had already been shown.
        let is_cut_short = self.live.has_text()
            && matches!(error, GenerateError::DailyQuota { .. } | GenerateError::ModelNotFound { .. });
        if (error.is_transient() || is_unasked || is_cut_short)
            && self.number < self.app.config.worker.max_attempts
        {
            return self.back_off(&called.model, error).await;
        }
        self.fail(error.error_code(), &chain(error), Some(&called.model)).await
    }

    /// Schedules a retry after a wait that doubles each time, or after Gemini's retry delay.
    async fn back_off(&self, model: &str, error: &GenerateError) -> Result<Outcome, DeliveryError> {
        let jitter = rng().random_range(0.0..1.0);
        let base = self.app.config.worker.retry_base_delay;
        let delay = backoff::delay(self.number, base, jitter, error.retry_delay());
        if !self.reschedule(WaitReason::Retry, delay).await? {
            return self.cancel_or_redeliver(delay).await;
        }
        let (cause, attempt, delay_ms) = (chain(error), self.number, milliseconds(delay));
        warn!(error = cause, message.id = %self.question_id, attempt, delay_ms, "rescheduled: backing off");
        self.deferred.record(JobRecord {
            last_error: Some(cause),
            model: Some(model.to_owned()),
            ..self.record(ProcessingStatus::Pending, attempt)
        });
        Ok(Outcome::Redeliver(Some(delay)))
    }

    /// Reschedules the message until a limit allows its call, which uses up no attempt.
    /// Fails the message when that would take too long.
    async fn postpone(
        &self,
        delay: Duration,
        reason: WaitReason,
        why: &str,
    ) -> Result<Outcome, DeliveryError> {
        if delay > self.max_wait() {
            let code = match reason {
                WaitReason::RateLimit => ErrorCode::GeminiQuota,
                WaitReason::SpendCap => ErrorCode::SpendCapReached,
                WaitReason::Outage | WaitReason::Retry => ErrorCode::GeminiOverloaded,
            };
            return self.fail(code, &format!("waited for too long: {why}"), None).await;
        }
        // All of these get the same time, so jitter spreads them; calls that wait for Gemini's quota
        // already have a place of their own.
        let jitter = if reason == WaitReason::RateLimit { 0.0 } else { rng().random_range(0.0..1.0) };
        let delay = backoff::delay(1, Duration::ZERO, jitter, Some(delay));
        if !self.reschedule(reason, delay).await? {
            return self.cancel_or_redeliver(delay).await;
        }
        let delay_ms = milliseconds(delay);
        info!(message.id = %self.question_id, ?reason, delay_ms, why, "rescheduled: waiting");
        Ok(Outcome::Redeliver(Some(delay)))
    }

    /// Makes the message pending again, due after `delay`. Returns false when the user has asked to
    /// stop, or the lease was lost.
    async fn reschedule(&self, why: WaitReason, delay: Duration) -> Result<bool, StoreError> {
        let rescheduled = with_timeout(STATEMENT_TIMEOUT, async {
            let now = self.app.clock.now();
            processing::reschedule(&self.app.db().await?, self.lease, why, now + delay, now).await
        });
        let is_rescheduled = rescheduled.await?;
        if is_rescheduled {
            self.live.finish(Ending::Pause, self.deferred).await;
        }
        Ok(is_rescheduled)
    }

    /// Ends an attempt that was not rescheduled.
    async fn cancel_or_redeliver(&self, delay: Duration) -> Result<Outcome, DeliveryError> {
        if self.cancel(true).await? {
            return Ok(Outcome::Delete);
        }
        warn!(message.id = %self.question_id, "not rescheduled: the lease was lost");
        Ok(Outcome::Redeliver(Some(delay)))
    }

    /// Marks the message cancelled, without an answer, if the user has asked to stop. Returns whether
    /// it did.
    async fn cancel(&self, is_refunded: bool) -> Result<bool, StoreError> {
        let cancelled = with_timeout(STATEMENT_TIMEOUT, async {
            let (db, now) = (self.app.db().await?, self.app.clock.now());
            cancelling::conclude(&db, self.lease, is_refunded, now).await
        });
        let is_cancelled = cancelled.await?;
        if is_cancelled {
            info!(message.id = %self.question_id, attempt = self.number, is_refunded, "cancelled without an answer");
            self.deferred.record(self.record(ProcessingStatus::Cancelled, self.number));
            self.live.finish(Ending::End(ProcessingStatus::Cancelled), self.deferred).await;
        }
        Ok(is_cancelled)
    }

    /// How long the message has waited for the rate limit or the end of an outage.
    fn waited(&self) -> Duration {
        let since = self.waiting_since.map(|since| self.app.clock.now() - since);
        since.and_then(|waited| waited.to_std().ok()).unwrap_or_default()
    }

    /// How much longer the message can wait.
    fn max_wait(&self) -> Duration {
        self.app.config.gemini.max_wait.saturating_sub(self.waited())
    }

    /// Marks the message failed.
    async fn fail(&self, code: ErrorCode, why: &str, model: Option<&str>) -> Result<Outcome, DeliveryError> {
        let failed = with_timeout(STATEMENT_TIMEOUT, async {
            processing::fail(&self.app.db().await?, self.lease, code, self.app.clock.now()).await
        });
        if failed.await? {
            let (message_id, error_code) = (self.question_id, code.as_str());
            warn!(message.id = %message_id, attempt = self.number, error_code, why, "failed");
            self.app.metrics.emit(&MetricEvent::MessageFailed { message: message_id, code });
            self.deferred.record(JobRecord {
                error_code: Some(code),
                last_error: Some(why.to_owned()),
                model: model.map(str::to_owned),
                ..self.record(ProcessingStatus::Failed, self.number)
            });
            self.live.finish(Ending::End(ProcessingStatus::Failed), self.deferred).await;
        } else {
            self.cancel(!code.is_caused_by_user()).await?;
        }
        Ok(Outcome::Delete)
    }

    fn record(&self, status: ProcessingStatus, attempts: i32) -> JobRecord {
        JobRecord {
            generation_id: self.lease.generation_id,
            status,
            attempts,
            error_code: None,
            last_error: None,
            model: None,
            started_at: self.started_at,
            finished_at: self.app.clock.now(),
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
