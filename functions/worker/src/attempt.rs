//! One attempt at one message: call Gemini, then store the answer, schedule a retry, or mark the
//! message failed.

use std::time::Duration;

use app::telemetry::chain;
use app::{AppState, rng};
use chrono::{DateTime, Utc};
use clients::gemini::{Answer, GenerateError, TokenUsage};
use clients::redis::model_rate_limiter::CallOutcome;
use clients::table::jobs::JobRecord;
use domain::message::{ErrorCode, ProcessingStatus, WaitReason};
use domain::{MessageId, UserId, backoff, quota};
use rand::RngExt;
use store::messages::processing::{self, ClaimedMessage, Lease, NewReply};
use store::{StoreError, with_timeout};
use tokio::time::sleep;
use tracing::{error, info, warn};

use crate::answer_cache;
use crate::deferred::Deferred;
use crate::generation::{Called, Generation, GenerationRequest, generate};
use crate::outcome::{DEFERRED_MARGIN, DeliveryError, Outcome, STATEMENT_TIMEOUT, STORE_MARGIN};
use crate::prompt::prompt;

/// The waits before the retries of storing an answer.
const STORE_PAUSES: [Duration; 3] =
    [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(2)];

/// An attempt at a message whose lease this worker holds.
pub(crate) struct Attempt<'a> {
    app: &'a AppState,
    lease: Lease,
    user_id: UserId,
    /// The number of this attempt, from 1.
    number: i32,
    started_at: DateTime<Utc>,
    /// Since when the message has waited for Gemini's rate limit or the end of an outage, if it
    /// has.
    waiting_since: Option<DateTime<Utc>>,
    /// When Lambda stops the function.
    deadline: DateTime<Utc>,
    deferred: &'a Deferred,
}

impl<'a> Attempt<'a> {
    pub(crate) fn new(
        app: &'a AppState,
        lease: Lease,
        work: &ClaimedMessage,
        deadline: DateTime<Utc>,
        deferred: &'a Deferred,
    ) -> Self {
        Self {
            app,
            lease,
            user_id: work.user_id,
            number: work.attempt,
            started_at: app.clock.now(),
            waiting_since: work.waiting_since,
            deadline,
            deferred,
        }
    }

    /// Makes the attempt.
    pub(crate) async fn run(&self, work: ClaimedMessage) -> Result<Outcome, DeliveryError> {
        if self.number > self.app.config.worker.max_attempts {
            return self.fail(ErrorCode::Internal, "every earlier attempt was interrupted", None).await;
        }
        let mut request = GenerationRequest {
            prompt: prompt(&self.app.config.gemini, work),
            user_id: self.user_id,
            call_id: self.lease.owner,
            waiting_since: self.waiting_since,
            max_wait: self.max_wait(),
            deadline: self.deadline - STORE_MARGIN,
        };
        if let Some(answer) = answer_cache::find(self.app, self.user_id, &request.prompt).await {
            return self.complete(&answer).await;
        }
        match generate(self.app, &mut request).await? {
            Generation::Called(called) => self.conclude(&request, &called).await,
            Generation::Wait(delay, reason) => {
                self.postpone(delay, reason, "the rate limit is reached").await
            }
            Generation::NoModelAvailable => {
                self.fail(ErrorCode::GeminiQuota, "all models are exhausted for today", None).await
            }
        }
    }

    /// Reports the result of a call to the rate limiter and applies it to the message.
    async fn conclude(&self, request: &GenerationRequest, called: &Called) -> Result<Outcome, DeliveryError> {
        let limiter = &self.app.model_rate_limiter;
        let call = CallOutcome::from(&called.result);
        let record = limiter.record(&called.model, request.call_id, self.user_id, call);
        if let Err(error @ GenerateError::MinuteQuota { retry_delay, .. }) = &called.result {
            // The limiter's pause grows with each refusal. Without Redis, the message's own wait
            // grows.
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
        if error.needs_operator() {
            error!(error = chain(error), model = called.model, "Gemini refuses the account");
        }
        let is_unasked = matches!(error, GenerateError::NoAnswer { .. }) && !called.is_final;
        if (error.is_transient() || is_unasked) && self.number < self.app.config.worker.max_attempts {
            return self.back_off(&called.model, error).await;
        }
        self.fail(error.error_code(), &chain(error), Some(&called.model)).await
    }

    /// Counts the tokens of calls whose answer is not stored, which Google bills all the same.
    /// `reply` is an answer that lost its lease.
    async fn count_tokens(&self, usage: TokenUsage, reply: Option<MessageId>) {
        if usage == TokenUsage::default() {
            return;
        }
        let counted = with_timeout(STATEMENT_TIMEOUT, async {
            let (db, day) = (self.app.db().await?, quota::day_of(self.app.clock.now()));
            let tokens = (usage.prompt_tokens, usage.response_tokens);
            processing::count_tokens(&db, self.user_id, day, tokens, reply).await
        });
        if let Err(error) = counted.await {
            warn!(error = chain(&error), message.id = %self.lease.message_id, "the tokens of a call are not counted");
        }
    }

    /// Stores the answer. While Postgres is unavailable it retries, as long as there is time,
    /// because the answer has already been paid for.
    async fn complete(&self, answer: &Answer) -> Result<Outcome, DeliveryError> {
        let id = MessageId::new(self.app.clock.now());
        let mut pauses = STORE_PAUSES.into_iter();
        let stored = loop {
            match self.store(id, answer).await {
                Err(error) if error.is_unavailable() => match pauses.next() {
                    Some(pause)
                        if self.app.clock.now() + pause + STATEMENT_TIMEOUT + DEFERRED_MARGIN
                            < self.deadline =>
                    {
                        sleep(pause).await;
                    }
                    _ => break Err(error),
                },
                result => break result,
            }
        };
        let (message_id, attempt) = (self.lease.message_id, self.number);
        match stored {
            Ok(true) => {
                let (prompt_tokens, response_tokens) =
                    (answer.usage.prompt_tokens, answer.usage.response_tokens);
                info!(message.id = %message_id, attempt, model = answer.model, prompt_tokens, response_tokens, "answered");
                self.deferred.record(JobRecord {
                    model: Some(answer.model.clone()),
                    ..self.record(ProcessingStatus::Completed, attempt)
                });
                self.deferred.invalidate_chatroom_list(self.user_id);
            }
            // The user cancelled the message, another worker has its lease, or an earlier write took
            // effect and only its result was lost.
            Ok(false) => {
                warn!(message.id = %message_id, attempt, "the lease was lost, or the answer is stored already");
                self.count_tokens(answer.usage, Some(id)).await;
                self.deferred.invalidate_chatroom_list(self.user_id);
            }
            Err(error) if error.violates("messages_reply_to_key") => {
                warn!(message.id = %message_id, attempt, "the message already has an answer; this one is discarded");
            }
            Err(error) => return Err(error.into()),
        }
        Ok(Outcome::Delete)
    }

    async fn store(&self, id: MessageId, answer: &Answer) -> Result<bool, StoreError> {
        let now = self.app.clock.now();
        let reply = NewReply {
            id,
            content: &answer.text,
            model: &answer.model,
            finish_reason: answer.finish_reason,
            prompt_tokens: answer.usage.prompt_tokens,
            response_tokens: answer.usage.response_tokens,
            day: quota::day_of(now),
            created_at: now,
        };
        with_timeout(STATEMENT_TIMEOUT, async {
            processing::complete_message(&self.app.db().await?, self.lease, reply).await
        })
        .await
    }

    /// Schedules a retry after a wait that doubles each time, or after Gemini's retry delay.
    async fn back_off(&self, model: &str, error: &GenerateError) -> Result<Outcome, DeliveryError> {
        let jitter = rng().random_range(0.0..1.0);
        let base = self.app.config.worker.retry_base_delay;
        let delay = backoff::delay(self.number, base, jitter, error.retry_delay());
        let owns_lease = self.reschedule(WaitReason::Retry, delay).await?;
        let (cause, attempt, delay_ms) = (chain(error), self.number, milliseconds(delay));
        warn!(error = cause, message.id = %self.lease.message_id, attempt, delay_ms, "rescheduled: backing off");
        if owns_lease {
            self.deferred.record(JobRecord {
                last_error: Some(cause),
                model: Some(model.to_owned()),
                ..self.record(ProcessingStatus::Pending, attempt)
            });
        }
        Ok(Outcome::Redeliver(Some(delay)))
    }

    /// Reschedules the message until the rate limit allows its call, which uses up no attempt.
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
                WaitReason::Outage | WaitReason::Retry => ErrorCode::GeminiOverloaded,
            };
            return self.fail(code, &format!("waited for too long: {why}"), None).await;
        }
        // The limiter gives all of these the same time, so jitter spreads them; calls that wait for
        // quota already have a place of their own.
        let jitter = if reason == WaitReason::Outage { rng().random_range(0.0..1.0) } else { 0.0 };
        let delay = backoff::delay(1, Duration::ZERO, jitter, Some(delay));
        self.reschedule(reason, delay).await?;
        let delay_ms = milliseconds(delay);
        info!(message.id = %self.lease.message_id, ?reason, delay_ms, why, "rescheduled: waiting");
        Ok(Outcome::Redeliver(Some(delay)))
    }

    /// Makes the message pending again, due after `delay`. Returns false when the lease was lost.
    async fn reschedule(&self, why: WaitReason, delay: Duration) -> Result<bool, StoreError> {
        with_timeout(STATEMENT_TIMEOUT, async {
            let now = self.app.clock.now();
            processing::reschedule_message(&self.app.db().await?, self.lease, why, now + delay, now).await
        })
        .await
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
            processing::fail_message(&self.app.db().await?, self.lease, code, self.app.clock.now()).await
        });
        if failed.await? {
            let (message_id, error_code) = (self.lease.message_id, code.as_str());
            warn!(message.id = %message_id, attempt = self.number, error_code, why, "failed");
            self.deferred.record(JobRecord {
                error_code: Some(code),
                last_error: Some(why.to_owned()),
                model: model.map(str::to_owned),
                ..self.record(ProcessingStatus::Failed, self.number)
            });
        }
        Ok(Outcome::Delete)
    }

    fn record(&self, status: ProcessingStatus, attempts: i32) -> JobRecord {
        JobRecord {
            message_id: self.lease.message_id,
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
