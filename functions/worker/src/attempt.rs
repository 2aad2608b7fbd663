//! One attempt at one message: ask Gemini, then store the answer, or put the message off, or give it up.

use std::time::Duration;

use app::telemetry::chain;
use app::{AppState, rng};
use chrono::{DateTime, Utc};
use clients::gemini::{Answer, GenerateError};
use clients::table::jobs::JobRecord;
use domain::message::{ErrorCode, ProcessingStatus};
use domain::model_quota::WaitReason;
use domain::{MessageId, UserId, backoff, quota};
use rand::RngExt;
use store::messages::processing::{self, ClaimedMessage, Lease, NewReply, RescheduleReason};
use store::{StoreError, with_timeout};
use tokio::time::sleep;
use tracing::{info, warn};

use crate::answer_cache;
use crate::deferred::Deferred;
use crate::delivery::{Fault, Outcome, STATEMENT_TIMEOUT, STORE_MARGIN};
use crate::generation::{Asked, Question, ask};
use crate::model_rate_limit;
use crate::prompt::prompt;

/// How long to wait before each further try to store an answer that is there.
const STORE_PAUSES: [Duration; 3] =
    [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(2)];

/// What is left of the time for what is done after the last answer of a batch.
const AFTERWARDS: Duration = Duration::from_secs(3);

/// A message whose lease is ours.
pub(crate) struct Attempt<'a> {
    app: &'a AppState,
    lease: Lease,
    user_id: UserId,
    /// The number of this attempt, from 1.
    number: i32,
    /// When it began.
    started_at: DateTime<Utc>,
    /// Since when the message has waited for its turn at Gemini, if it had to.
    waiting_since: Option<DateTime<Utc>>,
    /// When the function is ended.
    deadline: DateTime<Utc>,
    /// Where is put what nobody waits for.
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
    pub(crate) async fn run(&self, work: ClaimedMessage) -> Result<Outcome, Fault> {
        if self.number > self.app.config.worker.max_attempts {
            return self.give_up(ErrorCode::Internal, "every attempt before broke off", None).await;
        }
        let mut question = Question {
            prompt: prompt(&self.app.config.gemini, work),
            call: self.lease.owner,
            waiting_since: self.waiting_since,
            patience: self.patience(),
            deadline: self.deadline - STORE_MARGIN,
        };
        if let Some(answer) = answer_cache::find(self.app, self.user_id, &question.prompt).await {
            return self.finish(&answer).await;
        }
        match ask(self.app, &mut question).await? {
            Asked::Made(model, result) => {
                let (ended, ()) = tokio::join!(
                    self.end(&question, &model, &result),
                    model_rate_limit::settle(self.app, &model, question.call, &result),
                );
                ended
            }
            Asked::Wait(delay, reason) => self.wait(delay, reason, "its turn has not come").await,
            Asked::NoModelLeft => {
                self.give_up(ErrorCode::GeminiQuota, "no model is left for today", None).await
            }
        }
    }

    /// Brings the attempt to the end that its call came to.
    async fn end(
        &self,
        question: &Question,
        model: &str,
        result: &Result<Answer, GenerateError>,
    ) -> Result<Outcome, Fault> {
        match result {
            Ok(answer) => {
                let (finished, ()) = tokio::join!(
                    self.finish(answer),
                    answer_cache::keep(self.app, self.user_id, &question.prompt, answer),
                );
                finished
            }
            Err(error @ GenerateError::MinuteQuota { retry_delay, .. }) => {
                let delay = retry_delay.unwrap_or(self.app.config.worker.retry_base_delay);
                self.wait(delay, WaitReason::Quota, &chain(error)).await
            }
            Err(error) if error.is_passing() && self.number < self.app.config.worker.max_attempts => {
                self.put_off(model, error).await
            }
            Err(error) => self.give_up(error.error_code(), &chain(error), Some(model)).await,
        }
    }

    /// Stores the answer. It was paid for, so a database that does not answer is asked again, while there is time,
    /// before it is thrown away.
    async fn finish(&self, answer: &Answer) -> Result<Outcome, Fault> {
        let id = MessageId::new(self.app.clock.now());
        let mut pauses = STORE_PAUSES.into_iter();
        let stored = loop {
            match self.store(id, answer).await {
                Err(error) if error.is_unavailable() => match pauses.next() {
                    Some(pause)
                        if self.app.clock.now() + pause + STATEMENT_TIMEOUT + AFTERWARDS < self.deadline =>
                    {
                        sleep(pause).await;
                    }
                    _ => break Err(error),
                },
                outcome => break outcome,
            }
        };
        let (message_id, attempt) = (self.lease.message_id, self.number);
        match stored {
            Ok(true) => {
                let (prompt_tokens, response_tokens) = (answer.prompt_tokens, answer.response_tokens);
                info!(message.id = %message_id, attempt, model = answer.model, prompt_tokens, response_tokens, "answered");
                self.deferred.record(JobRecord {
                    model: Some(answer.model.clone()),
                    ..self.record(ProcessingStatus::Completed, attempt)
                });
                self.deferred.invalidate_chatroom_list(self.user_id);
            }
            // Also what a second try finds when the first was stored and only word of it was lost.
            Ok(false) => {
                warn!(message.id = %message_id, attempt, "overtaken, or stored already");
                self.deferred.invalidate_chatroom_list(self.user_id);
            }
            Err(error) if error.violates("messages_reply_to_key") => {
                warn!(message.id = %message_id, attempt, "answered already; the answer is thrown away");
            }
            Err(error) => return Err(error.into()),
        }
        Ok(Outcome::Done)
    }

    async fn store(&self, id: MessageId, answer: &Answer) -> Result<bool, StoreError> {
        let now = self.app.clock.now();
        let reply = NewReply {
            id,
            content: &answer.text,
            model: &answer.model,
            prompt_tokens: answer.prompt_tokens,
            response_tokens: answer.response_tokens,
            day: quota::day_of(now),
            created_at: now,
        };
        with_timeout(STATEMENT_TIMEOUT, async {
            processing::complete_message(&self.app.db().await?, self.lease, reply).await
        })
        .await
    }

    /// Puts the message back for a further attempt after a wait that doubles each time, or as long as Gemini asked for.
    async fn put_off(&self, model: &str, error: &GenerateError) -> Result<Outcome, Fault> {
        let jitter = rng().random_range(0.0..1.0);
        let base = self.app.config.worker.retry_base_delay;
        let delay = backoff::delay(self.number, base, jitter, error.retry_delay());
        let is_ours = self.put_back(RescheduleReason::AttemptFailed, delay).await?;
        let (cause, attempt, delay_ms) = (chain(error), self.number, milliseconds(delay));
        warn!(error = cause, message.id = %self.lease.message_id, attempt, delay_ms, "put off: backing off");
        if is_ours {
            self.deferred.record(JobRecord {
                last_error: Some(cause),
                model: Some(model.to_owned()),
                ..self.record(ProcessingStatus::Pending, attempt)
            });
        }
        Ok(Outcome::Later(Some(delay)))
    }

    /// Puts the message back until its turn comes, which uses up no attempt; or gives it up where that would take too
    /// long.
    async fn wait(&self, delay: Duration, reason: WaitReason, why: &str) -> Result<Outcome, Fault> {
        if delay > self.patience() {
            let code = match reason {
                WaitReason::Quota => ErrorCode::GeminiQuota,
                WaitReason::Outage => ErrorCode::GeminiOverloaded,
            };
            return self.give_up(code, &format!("waited for too long: {why}"), None).await;
        }
        // Whoever waits for an outage to end was told the same time.
        let jitter = if reason == WaitReason::Outage { rng().random_range(0.0..1.0) } else { 0.0 };
        let delay = backoff::delay(1, Duration::ZERO, jitter, Some(delay));
        self.put_back(RescheduleReason::WaitingForModel, delay).await?;
        let delay_ms = milliseconds(delay);
        info!(message.id = %self.lease.message_id, ?reason, delay_ms, why, "put off: waiting");
        Ok(Outcome::Later(Some(delay)))
    }

    /// Puts the message back for `delay`; answers whether it was still ours.
    async fn put_back(&self, why: RescheduleReason, delay: Duration) -> Result<bool, StoreError> {
        with_timeout(STATEMENT_TIMEOUT, async {
            let now = self.app.clock.now();
            processing::reschedule_message(&self.app.db().await?, self.lease, why, now + delay, now).await
        })
        .await
    }

    /// How much longer the message can wait for its turn.
    fn patience(&self) -> Duration {
        let now = self.app.clock.now();
        let ends = self.waiting_since.unwrap_or(now) + self.app.config.gemini.max_wait;
        (ends - now).to_std().unwrap_or_default()
    }

    async fn give_up(&self, code: ErrorCode, why: &str, model: Option<&str>) -> Result<Outcome, Fault> {
        let failed = with_timeout(STATEMENT_TIMEOUT, async {
            processing::fail_message(&self.app.db().await?, self.lease, code, self.app.clock.now()).await
        });
        if failed.await? {
            let (message_id, error_code) = (self.lease.message_id, code.as_str());
            warn!(message.id = %message_id, attempt = self.number, error_code, why, "failed; the unit of quota is given back");
            self.deferred.record(JobRecord {
                error_code: Some(code),
                last_error: Some(why.to_owned()),
                model: model.map(str::to_owned),
                ..self.record(ProcessingStatus::Failed, self.number)
            });
        }
        Ok(Outcome::Done)
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
